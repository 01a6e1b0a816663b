//! The evaluator beside real compilers: the same files for every source.

mod cases;
mod disk;
mod headers;
mod run;
mod speed;
