//! The options that mean something to us, one definition each: spelling, shape and fate.
//!
//! An option that is not listed travels untouched and takes no separate value. Every option that
//! does take one must therefore be listed, or its value would be read as a source. Facts: gcc 12
//! (`--help=separate`, `--help=common,driver`), clang 14 (`--help-hidden`), and what equality.rs measures.

mod debug;
mod driver;
mod preprocessor;
mod side;
mod tools;

use job::Reason;

use crate::plan::Family;

/// How an option and its value are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `-c`: the whole word.
    Exact,
    /// `-std=c11`, `-fdump-tree-all`: the spelling starts the word, the rest is the value.
    Joined,
    /// `-arch x86_64`: the next word is the value.
    Separate,
    /// `-I dir` or `-Idir`.
    Either,
    /// `--sysroot dir` or `--sysroot=dir`.
    Equals,
}

/// What becomes of an option. All of them but `Nowhere` and the output are given to the
/// preprocessing step; the difference is what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is sent as it is.
    Sent,
    /// Its work is done when the text has been made.
    Here,
    /// It defines macros: sent when macros are expanded remotely.
    Macro,
    /// It changes nothing in a compile, and would spoil the text.
    Nowhere,
    /// The whole command stays on this host.
    Stays(Reason),
    /// It needs a closer look.
    Means(Meaning),
}

/// Options with a rule of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Compile,
    Assembly,
    /// `-fsyntax-only`: whatever else is asked for, there is no object.
    SyntaxOnly,
    Output,
    Language,
    /// `-MD`, `-MMD`.
    Dependencies,
    DependencyFile,
    DependencyTarget,
    /// `-Wp,` and `-Xpreprocessor`.
    PreprocessorWords,
    /// `-Wa,` and `-Xassembler`.
    AssemblerWords,
    Xclang,
    /// The value names a file that the remote compiler must have.
    ExtraFile,
    /// A place where the compiler looks for its tools first: the toolchain is collected with it.
    ToolPrefix,
    /// A specs file: the toolchain is collected with it, and carries it.
    Specs,
    NativeCpu,
    SplitDwarf,
    DebugLevel,
    Sanitizer,
    /// `-fdebug-compilation-dir` and its relatives; the executor sets one too.
    CompilationDirectory,
    Colour,
    ColourAuto,
    Caret(bool),
    Target,
    Architecture,
    /// Warnings and modes that gcc refuses or answers differently with `-fdirectives-only`.
    NeedsFullText,
    Pedantic,
    UnusedMacros(bool),
    DirectivesOnly(bool),
    Preprocessed,
    ExecutionCharset,
    Lto(bool),
    VerboseAssembly,
    EmitLlvm,
    ImacrosFile,
    IncludedHeader,
    /// `-include-pch`.
    Precompiled,
}

/// Which compilers know an option, or know it this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Both,
    Only(Family),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) spelling: &'static str,
    pub(crate) shape: Shape,
    pub(crate) fate: Fate,
    pub(crate) known: Known,
}

impl Spec {
    /// The entry holds for gcc only.
    const fn gcc(self) -> Self {
        Self {
            known: Known::Only(Family::Gcc),
            ..self
        }
    }

    /// The entry holds for clang only.
    const fn clang(self) -> Self {
        Self {
            known: Known::Only(Family::Clang),
            ..self
        }
    }

    fn matches(&self, word: &[u8]) -> bool {
        let spelling = self.spelling.as_bytes();
        match self.shape {
            Shape::Exact | Shape::Separate => word == spelling,
            Shape::Joined | Shape::Either => word.starts_with(spelling),
            Shape::Equals => word
                .strip_prefix(spelling)
                .is_some_and(|rest| rest.is_empty() || rest[0] == b'='),
        }
    }
}

const fn exact(spelling: &'static str, fate: Fate) -> Spec {
    Spec {
        spelling,
        shape: Shape::Exact,
        fate,
        known: Known::Both,
    }
}

const fn joined(spelling: &'static str, fate: Fate) -> Spec {
    Spec {
        spelling,
        shape: Shape::Joined,
        fate,
        known: Known::Both,
    }
}

const fn separate(spelling: &'static str, fate: Fate) -> Spec {
    Spec {
        spelling,
        shape: Shape::Separate,
        fate,
        known: Known::Both,
    }
}

const fn either(spelling: &'static str, fate: Fate) -> Spec {
    Spec {
        spelling,
        shape: Shape::Either,
        fate,
        known: Known::Both,
    }
}

const fn equals(spelling: &'static str, fate: Fate) -> Spec {
    Spec {
        spelling,
        shape: Shape::Equals,
        fate,
        known: Known::Both,
    }
}

const TABLES: [&[Spec]; 5] = [
    driver::TABLE,
    preprocessor::TABLE,
    debug::TABLE,
    side::TABLE,
    tools::TABLE,
];

/// Every entry, for tests and documentation.
pub(crate) fn all() -> impl Iterator<Item = &'static Spec> {
    TABLES.into_iter().flatten()
}

/// The entry for a word that starts with a dash: the longest spelling that matches, and of two
/// equally long ones the one that takes the whole word.
pub(crate) fn find(word: &[u8], family: Family) -> Option<&'static Spec> {
    let second = word.get(1);
    all()
        .filter(|spec| spec.spelling.as_bytes().get(1) == second && spec.matches(word))
        .filter(|spec| spec.known == Known::Both || spec.known == Known::Only(family))
        .max_by_key(|spec| {
            (
                spec.spelling.len(),
                matches!(spec.shape, Shape::Exact | Shape::Separate),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_is_defined_twice() {
        for family in [Family::Gcc, Family::Clang] {
            let mut seen = std::collections::HashSet::new();
            for spec in
                all().filter(|spec| spec.known == Known::Both || spec.known == Known::Only(family))
            {
                let whole = matches!(spec.shape, Shape::Exact | Shape::Separate);
                assert!(
                    seen.insert((spec.spelling, whole)),
                    "{} for {family:?}",
                    spec.spelling
                );
            }
        }
    }

    #[test]
    fn the_longest_spelling_wins() {
        let fate = |word: &str| find(word.as_bytes(), Family::Clang).map(|spec| spec.spelling);
        assert_eq!(fate("-objcmt-atomic-property"), Some("-objcmt-"));
        assert_eq!(fate("-ofile"), Some("-o"));
        assert_eq!(fate("-MDfoo"), Some("-M"));
        assert_eq!(fate("-include-pch"), Some("-include-pch"));
        assert_eq!(fate("-includefoo.h"), Some("-include"));
        assert_eq!(fate("-O2"), None);
    }
}
