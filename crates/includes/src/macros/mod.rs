//! Macros: what they are, which are defined, and what a line becomes by them.

mod definition;
mod expand;
mod paste;
mod substitute;
mod table;

pub(crate) use definition::{Macro, define};
pub use expand::Lack;
pub(crate) use expand::{Expander, Place};
pub(crate) use table::{MacroId, Table};
