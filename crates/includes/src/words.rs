//! Names and operators that mean something by themselves. They are the first names of all, so that
//! an ordinary name is told from them by its number.

use crate::names::{Name, Names};

macro_rules! words {
    ($($variant:ident = $spelling:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Word { $($variant,)* }

        const WORDS: &[(Word, &str)] = &[$((Word::$variant, $spelling),)*];
    };
}

words! {
    Defined = "defined",
    True = "true",
    False = "false",
    HasInclude = "__has_include",
    HasIncludeNext = "__has_include_next",
    HasEmbed = "__has_embed",
    File = "__FILE__",
    BaseFile = "__BASE_FILE__",
    IncludeLevel = "__INCLUDE_LEVEL__",
    Line = "__LINE__",
    Counter = "__COUNTER__",
    Date = "__DATE__",
    Time = "__TIME__",
    Timestamp = "__TIMESTAMP__",
    VariableArguments = "__VA_ARGS__",
    VariableOption = "__VA_OPT__",
    HasAttribute = "__has_attribute",
    HasCppAttribute = "__has_cpp_attribute",
    HasCAttribute = "__has_c_attribute",
    HasDeclspecAttribute = "__has_declspec_attribute",
    HasBuiltin = "__has_builtin",
    HasConstexprBuiltin = "__has_constexpr_builtin",
    HasFeature = "__has_feature",
    HasExtension = "__has_extension",
    HasWarning = "__has_warning",
    IsIdentifier = "__is_identifier",
    IsTargetArchitecture = "__is_target_arch",
    IsTargetVendor = "__is_target_vendor",
    IsTargetSystem = "__is_target_os",
    IsTargetEnvironment = "__is_target_environment",
    IsTargetVariant = "__is_target_variant_os",
    BuildingModule = "__building_module",
    And = "and",
    AndEqual = "and_eq",
    BitAnd = "bitand",
    BitOr = "bitor",
    Complement = "compl",
    Not = "not",
    NotEqual = "not_eq",
    Or = "or",
    Xor = "xor",
    Query = "?",
    Colon = ":",
    Comma = ",",
    Either = "||",
    Both = "&&",
    Bar = "|",
    Caret = "^",
    Ampersand = "&",
    Equal = "==",
    Unequal = "!=",
    Less = "<",
    Greater = ">",
    AtMost = "<=",
    AtLeast = ">=",
    ShiftLeft = "<<",
    ShiftRight = ">>",
    Plus = "+",
    Minus = "-",
    Star = "*",
    Slash = "/",
    Percent = "%",
    Bang = "!",
    Tilde = "~",
    Open = "(",
    Close = ")",
}

impl Word {
    /// What the compiler is asked: operators of `#if` whose value only the compiler knows.
    pub(crate) fn is_question(self) -> bool {
        let number = self as usize;
        (Self::HasAttribute as usize..=Self::IsTargetVariant as usize).contains(&number)
    }

    /// The operator that a name is in C++.
    pub(crate) fn as_operator(self) -> Option<Self> {
        Some(match self {
            Self::And => Self::Both,
            Self::BitAnd => Self::Ampersand,
            Self::BitOr => Self::Bar,
            Self::Complement => Self::Tilde,
            Self::Not => Self::Bang,
            Self::NotEqual => Self::Unequal,
            Self::Or => Self::Either,
            Self::Xor => Self::Caret,
            _ => return None,
        })
    }

    pub(crate) fn spelling(self) -> &'static str {
        WORDS[self as usize].1
    }

    /// Every name that `#ifdef` may find without any `#define`.
    pub(crate) fn predefined() -> impl Iterator<Item = Self> {
        let known = WORDS.iter().map(|(word, _)| *word);
        known.filter(|word| {
            let number = *word as usize;
            (Self::HasInclude as usize..=Self::Timestamp as usize).contains(&number)
                || (Self::HasAttribute as usize..=Self::BuildingModule as usize).contains(&number)
        })
    }

    /// The word of a name, if it is one.
    pub(crate) fn of(name: Name) -> Option<Self> {
        WORDS.get(name.index()).map(|(word, _)| *word)
    }
}

/// Names that begin with the words.
pub(crate) fn names() -> Names {
    let mut names = Names::default();
    for (_, spelling) in WORDS {
        names.name(spelling.as_bytes());
    }
    names
}
