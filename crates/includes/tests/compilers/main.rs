//! The evaluator beside real compilers: the same files for every source.

mod cases;
mod corpus;
mod disk;
mod headers;
mod memory;
mod run;
mod speed;
