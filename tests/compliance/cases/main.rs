//! The compliance suite. `cargo xtask test` runs it after building the programs;
//! `cargo test -p compliance -- floe::` runs floe's half, `-- T42` one case for both.

use std::process::ExitCode;

mod compile;

fn main() -> ExitCode {
    compliance::harness::run(&[compile::theme()])
}
