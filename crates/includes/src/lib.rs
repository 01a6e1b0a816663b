//! Which files a compile reads, and which names it finds absent.
//!
//! Pure: the files are what the caller's [`Tree`] answers. The preprocessor's directives are
//! evaluated as gcc and clang do it: real conditions, macro tables, search order. Text between
//! directives is never expanded. Wherever the answer might differ from the compiler's, it is
//! [`Unknown`], and the caller sends preprocessed text instead.

mod block;
mod compiler;
mod dialect;
mod evaluate;
mod expression;
mod facts;
mod lex;
mod library;
mod macros;
mod names;
mod search;
mod spelled;
mod variables;
mod words;

pub use block::{Block, Strange};
pub use compiler::{Compiler, PRELUDE, Question, Unanswered, question};
pub use dialect::Dialect;
pub use evaluate::{Memory, Preset, Reached, Source, Unknown, evaluate};
pub use expression::Doubt;
pub use facts::Facts;
pub use library::Library;
pub use macros::Lack;
pub use names::{Name, Names};
pub use search::{Chain, DirectoryId, FileId, Found, Probe, Tree};
pub use spelled::{Spelled, Spellings};
