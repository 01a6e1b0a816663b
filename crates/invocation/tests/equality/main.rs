//! Objects made by way of a plan against objects made plainly, with the real compilers.
//!
//! For each case: compile plainly; then preprocess as the plan says, run the executor's command
//! line in another directory with another environment on the text alone, and compare. Without
//! debug information objects must be equal byte for byte; with it, in everything but the producer
//! string and columns. A case that cannot keep this must be one that the plan keeps local.
//!
//! Needs gcc, g++, clang, MinGW and llvm-dwarfdump (Debian: gcc g++ clang gcc-mingw-w64-x86-64 llvm).

#![allow(clippy::unwrap_used)] // the lint spares test functions, not their helpers

mod arity;
mod clang;
mod compare;
mod dependencies;
mod gcc;
mod lab;
mod native;
mod preprocessed;
mod project;
mod sources;
mod split_dwarf;
