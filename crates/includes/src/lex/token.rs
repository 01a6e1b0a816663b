//! One preprocessing token.

use crate::names::Name;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Identifier,
    Number,
    Character,
    Text,
    /// `<name>` or `"name"` behind `__has_include(`.
    Header,
    Punctuator,
    /// What no token begins with.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// White space or a comment stood before it.
    pub(crate) is_spaced: bool,
    /// The name of a macro that was met within its own expansion: it is never expanded again.
    pub(crate) is_painted: bool,
    pub(crate) spelling: Name,
}
