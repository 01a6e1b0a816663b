//! The acceptance tests, by theme. `cargo xtask test` runs them after building the programs.

mod hosts;
mod interop;
mod smoke;
