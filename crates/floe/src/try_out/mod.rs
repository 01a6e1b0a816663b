//! `floe try [COMMAND…]`: a scheduler and two executors on this machine, on loopback, with the
//! user's own rights; then COMMAND, or a small project that floe carries, compiled through them.

mod compare;
mod interrupt;
mod report;
mod sample;
mod stage;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::complain;
use crate::cli::options::TryOptions;
use stage::Stage;

pub(crate) fn run(options: &TryOptions) -> ExitCode {
    match try_it(options) {
        Ok(code) => code,
        Err(error) => {
            complain(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn try_it(options: &TryOptions) -> anyhow::Result<ExitCode> {
    let directory = tempfile::Builder::new().prefix("floe-try-").tempdir()?;
    say(&format!(
        "starting a scheduler and two executors on loopback (in {})",
        directory.path().display()
    ))?;
    interrupt::guard(directory.path(), options.keep)?;
    let code = perform(options, directory.path());
    if options.keep {
        say(&format!(
            "logs and objects stay in {}",
            directory.keep().display()
        ))?;
    }
    code
}

fn perform(options: &TryOptions, directory: &Path) -> anyhow::Result<ExitCode> {
    let stage = Stage::start(directory)?;
    let built = match options.command.split_first() {
        None => sample::build(&stage)?,
        Some((program, arguments)) => {
            let here = std::env::current_dir()?;
            stage.run(program, arguments, &here)?.code().unwrap_or(1)
        }
    };
    stage.dismiss_agent();
    let records = stage.records()?;
    let verdicts = records.iter().map(compare::with_local).collect::<Vec<_>>();
    say(&report::table(&records, &verdicts, &stage))?;
    let differs = verdicts
        .iter()
        .any(|verdict| matches!(verdict, compare::Verdict::Differs(_)));
    Ok(ExitCode::from(
        u8::try_from(built).unwrap_or(1).max(u8::from(differs)),
    ))
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
