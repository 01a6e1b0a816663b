//! Everything that is done to this repository: `cargo xtask …`.

mod bench;
mod build;
mod debian;
mod dist;
mod generate;
mod setup;
mod sources;
mod step;
mod targets;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  setup          install the Debian packages that tests need (as root), else name them; fetch sources of real projects
  build [PROFILE]  target/floe: floe, the static icecc, links under icecream's names (default profile: release)
  tidy           formatting, lints, file lengths, forgotten tests, dependency budgets, generated documents
  generate       write the documents that are generated from code
  test [NAME…]   setup, tidy, build, unit tests, acceptance tests; with names only the tests whose names contain one
  bench [NAME]   measure beside Debian's icecream; prints a table, asserts nothing
  dist           target/floe as an archive
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("xtask: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<ExitCode> {
    let rest = words.get(1..).unwrap_or_default();
    let asks_for_help = |word: &String| matches!(word.as_str(), "--help" | "-h");
    // The bench has options of its own, and helps with them.
    if rest.iter().any(asks_for_help) && words[0] != "bench" {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    std::env::set_current_dir(step::root()?)?;
    match words.first().map(String::as_str) {
        Some("setup") => setup::run()?,
        Some("build") => build::run(rest.first().map_or("release", String::as_str))?,
        Some("tidy") => return Ok(tidy::run()?.exit_code()),
        Some("generate") => generate::write()?,
        Some("test") => return test::run(rest),
        Some("bench") => bench::run(rest)?,
        Some("dist") => dist::run()?,
        None | Some("help" | "--help" | "-h") => print!("{HELP}"),
        Some(other) => bail!("unknown command {other:?}\n\n{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}
