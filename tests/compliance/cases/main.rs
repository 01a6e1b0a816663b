//! The compliance suite. `cargo xtask test` runs it after building the programs;
//! `cargo test -p compliance -- floe::` runs floe's half, `-- T42` one case for both.

use std::process::ExitCode;

use compliance::Theme;
use compliance::bed::BedSpec;

mod algorithms;
mod arguments;
mod builds;
mod compile;
mod debug;
mod flaws;
mod life;
mod pch;
mod sanitize;
mod schedulers;
mod sleep;
mod slots;
mod split;
mod toolchains;
mod versions;

fn main() -> ExitCode {
    let compile = [
        compile::cases(),
        split::cases(),
        pch::cases(),
        sanitize::cases(),
        versions::cases(),
        arguments::cases(),
        flaws::cases(),
    ];
    let cluster = [
        life::first(),
        toolchains::cases(),
        debug::cases(),
        slots::cases(),
        builds::cases(),
        life::last(),
    ];
    let schedulers = [schedulers::cases(), sleep::cases(), algorithms::cases()];
    let theme = |name, bed, cases: Vec<Vec<compliance::Case>>| Theme {
        name,
        bed,
        cases: cases.into_iter().flatten().collect(),
    };
    compliance::harness::run(&[
        theme("compile", BedSpec::Cluster, compile.into()),
        theme("cluster", BedSpec::Cluster, cluster.into()),
        theme("schedulers", BedSpec::Nothing, schedulers.into()),
    ])
}
