//! The command line of `floe` and of icecream's programs. Options are defined once, in
//! [`options`]; `floe daemon` and `iceccd` share theirs, and so do the schedulers.

pub(crate) mod options;

mod agent;
mod cluster;
mod config_file;
mod daemon;
mod doctor;
mod explain;
mod generate;
mod getopt;
mod pid_file;
mod scheduler;
mod service;
mod standing;
mod status;
mod up;
mod values;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches as _};

use options::{Command, DaemonOptions, Floe, SchedulerOptions};

/// `floe SUBCOMMAND …`.
pub(crate) fn floe(arguments: &[OsString]) -> ExitCode {
    let parse = |arguments: &[OsString]| {
        let matches = definition().try_get_matches_from(arguments)?;
        Floe::from_arg_matches(&matches)
    };
    let parsed = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error),
    };
    match parsed.command {
        Command::Agent(options) => agent::run(&options),
        Command::Cluster(options) => cluster::run(&options),
        Command::CreateEnv { arguments } => create_env(&arguments),
        Command::Daemon(options) => {
            let (program, rest) = arguments.split_at(arguments.len().min(2));
            let again = |words: &[OsString]| match parse(&[program, words, rest].concat())?.command
            {
                Command::Daemon(options) => Ok(options),
                _ => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
            };
            configured_daemon(&options, again, crate::log::Origin::Floe)
        }
        Command::Doctor(options) => doctor::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Generate { directory } => generate::run(&directory),
        Command::Join(options) => cluster::join(&options),
        Command::Scheduler(options) => scheduler::run(&options, crate::log::Origin::Floe),
        Command::Status(options) => status::run(&options),
        Command::Try(options) => crate::try_out::run(&options),
        Command::Up(options) => up::up(&options),
        Command::Down => up::down(),
    }
}

/// Under the name `iceccd`.
pub(crate) fn iceccd(arguments: &[OsString]) -> ExitCode {
    let options = match under_icecream_name::<DaemonOptions>("iceccd", arguments) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let (program, rest) = arguments.split_at(arguments.len().min(1));
    let again = |words: &[OsString]| {
        let read = getopt::read("iceccd", &[program, words, rest].concat());
        read.map(|(options, _)| options)
    };
    configured_daemon(&options, again, crate::log::Origin::Icecream)
}

/// Runs the daemon with what its configuration file says before its command line, which `again`
/// parses behind further words.
fn configured_daemon(
    options: &DaemonOptions,
    again: impl FnOnce(&[OsString]) -> Result<DaemonOptions, clap::Error>,
    origin: crate::log::Origin,
) -> ExitCode {
    if options.print_config {
        let printed = std::io::stdout().write_all(config_file::sample().as_bytes());
        return ExitCode::from(u8::from(printed.is_err()));
    }
    let words = match config_file::arguments(options.config.as_deref()) {
        Ok(words) => words,
        Err(error) => {
            complain(error);
            return ExitCode::FAILURE;
        }
    };
    if words.is_empty() {
        return daemon::run(options, origin);
    }
    match again(&words) {
        Ok(both) => daemon::run(&config_file::line_wins(options, both), origin),
        Err(error) => usage(&error),
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
    Floe::command().mut_subcommand("daemon", config_file::with_values)
}
