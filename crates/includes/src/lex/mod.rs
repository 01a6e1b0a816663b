//! From a file's bytes to directives' tokens.

mod lines;
mod token;
mod tokens;
mod trigraphs;

pub(crate) use lines::{Lines, code};
pub(crate) use token::{Kind, Token};
pub(crate) use tokens::{header, tokens};
pub(crate) use trigraphs::replaced;
