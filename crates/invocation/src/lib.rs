//! gcc and clang command lines, read the way the compilers read them.
//!
//! Pure: arguments and settings in, a [`Plan`] out. The file system is only what the caller hands
//! in through [`Files`].

mod plan;

pub use plan::*;
