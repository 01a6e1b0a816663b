//! The command line of `floe` and of icecream's programs. Options are defined once, in
//! [`options`]; `floe daemon` and `iceccd` share theirs, and so do the schedulers.

pub(crate) mod options;

mod agent;
mod daemon;
mod doctor;
mod explain;
mod generate;
mod getopt;
mod scheduler;
mod service;
mod status;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use options::{Command, DaemonOptions, Floe, SchedulerOptions};

/// `floe SUBCOMMAND …`.
pub(crate) fn floe(arguments: &[OsString]) -> ExitCode {
    let parsed = match Floe::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error),
    };
    match parsed.command {
        Command::Agent(options) => agent::run(&options),
        Command::CreateEnv { arguments } => create_env(&arguments),
        Command::Daemon(options) => daemon::run(&options, crate::log::Origin::Floe),
        Command::Doctor(options) => doctor::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Generate { directory } => generate::run(&directory),
        Command::Scheduler(options) => scheduler::run(&options, crate::log::Origin::Floe),
        Command::Status(options) => status::run(&options),
        Command::Try(options) => crate::try_out::run(&options),
    }
}

/// Under the name `iceccd`.
pub(crate) fn iceccd(arguments: &[OsString]) -> ExitCode {
    match under_icecream_name::<DaemonOptions>("iceccd", arguments) {
        Ok(options) => daemon::run(&options, crate::log::Origin::Icecream),
        Err(code) => code,
    }
}

/// Under the name `icecc-scheduler`.
pub(crate) fn icecc_scheduler(arguments: &[OsString]) -> ExitCode {
    match under_icecream_name::<SchedulerOptions>("icecc-scheduler", arguments) {
        Ok(options) => scheduler::run(&options, crate::log::Origin::Icecream),
        Err(code) => code,
    }
}

/// `icecc-create-env …` and `floe create-env …`; with `--build-native` first it is what
/// `icecc --build-native …` becomes.
pub(crate) fn create_env(arguments: &[OsString]) -> ExitCode {
    let out = &mut std::io::stdout();
    ExitCode::from(match arguments {
        [first, rest @ ..] if first == "--build-native" => {
            toolchain::create_env::build_native(rest, out)
        }
        _ => toolchain::create_env::main(arguments, out),
    })
}

/// `icecc-test-env ARCHIVE`.
pub(crate) fn test_env(arguments: &[OsString]) -> ExitCode {
    ExitCode::from(toolchain::test_env::main(arguments, &mut std::io::stdout()))
}

fn under_icecream_name<O: clap::Args>(
    name: &'static str,
    arguments: &[OsString],
) -> Result<O, ExitCode> {
    let (options, ignored) = getopt::read(name, arguments).map_err(|error| usage(&error))?;
    if !ignored.is_empty() {
        let ignored = ignored.join(", ");
        complain(format_args!("{name} goes on as icecream does: {ignored}"));
    }
    Ok(options)
}

/// Prints help to stdout with 0, and a mistake to stderr with 1 as icecream's programs do.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    ExitCode::from(u8::from(error.use_stderr() || printed.is_err()))
}

/// One line on stderr about something that went wrong, in the form `floe: …`.
pub(crate) fn complain(text: impl std::fmt::Display) {
    // Nothing is left to do when stderr is closed.
    let _closed = writeln!(std::io::stderr(), "floe: {text}");
}

/// The whole command definition, for generated documentation.
pub(crate) fn definition() -> clap::Command {
    Floe::command()
}
