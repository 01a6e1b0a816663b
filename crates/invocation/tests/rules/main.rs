//! Command lines and what becomes of them, row by row.
#![allow(clippy::unwrap_used)] // the lint spares test functions, not their helpers

mod files;
mod flaws;
mod order;
mod outputs;
mod rows;
mod settings;
mod table;
