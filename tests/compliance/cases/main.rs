//! The compliance suite. `cargo xtask test` runs it after building the programs;
//! `cargo test -p compliance -- floe::` runs floe's half, `-- T42` one case for both.

use std::process::ExitCode;

use compliance::Theme;
use compliance::bed::BedSpec;

mod compile;
mod pch;
mod sanitize;
mod split;
mod versions;

fn main() -> ExitCode {
    let mut rows = compile::cases();
    rows.extend(split::cases());
    rows.extend(pch::cases());
    rows.extend(sanitize::cases());
    rows.extend(versions::cases());
    compliance::harness::run(&[Theme { name: "compile", bed: BedSpec::Cluster, cases: rows }])
}
