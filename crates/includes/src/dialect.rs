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
