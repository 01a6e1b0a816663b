//! What of the language changes how its text falls into tokens.

/// The language of a source, as far as directives depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// `true` is 1, `and` is `&&`.
    pub is_cplusplus: bool,
    /// `true` and `false` are known without being C++ (C23).
    pub knows_truth: bool,
    /// `R"(…)"`: C++11, and C in gcc's own dialects from C99 on.
    pub raw_strings: bool,
    /// `1'000`: C++14, C23.
    pub digit_separators: bool,
    /// `//`: everywhere but in strict C90.
    pub line_comments: bool,
    /// `??=`: strict dialects, or asked for.
    pub trigraphs: bool,
}

impl Dialect {
    /// The dialect of a compiler that has been asked with `-dD` what it defines. What only
    /// `-trigraphs` changes is not among that.
    pub fn told(stdout: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stdout);
        let defined = |name: &str| {
            text.lines().find_map(|line| {
                let rest = line.strip_prefix("#define ")?.strip_prefix(name)?;
                let value = rest.strip_prefix(' ')?.trim_end_matches(['L', 'l']);
                Some(value.parse::<u32>().unwrap_or(0))
            })
        };
        let is_strict = defined("__STRICT_ANSI__").is_some();
        let standard = defined("__STDC_VERSION__").unwrap_or(0);
        match defined("__cplusplus") {
            Some(standard) => Self {
                is_cplusplus: true,
                knows_truth: true,
                raw_strings: standard >= 201_103,
                digit_separators: standard >= 201_402,
                line_comments: true,
                trigraphs: is_strict && standard < 201_703,
            },
            None => Self {
                is_cplusplus: false,
                knows_truth: standard > 201_710,
                raw_strings: !is_strict && standard >= 199_901,
                digit_separators: standard > 201_710,
                line_comments: !is_strict || standard >= 199_901,
                trigraphs: is_strict && standard <= 201_710,
            },
        }
    }

    /// C as gcc and clang read it when nobody says otherwise.
    pub const GNU_C: Self = Self {
        is_cplusplus: false,
        knows_truth: false,
        raw_strings: true,
        digit_separators: false,
        line_comments: true,
        trigraphs: false,
    };

    /// C++ as gcc and clang read it when nobody says otherwise.
    pub const GNU_CPLUSPLUS: Self = Self {
        is_cplusplus: true,
        knows_truth: true,
        raw_strings: true,
        digit_separators: true,
        line_comments: true,
        trigraphs: false,
    };
}
