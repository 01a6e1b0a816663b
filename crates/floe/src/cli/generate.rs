//! Writes what is generated from the definitions: man pages, completions, the reference of
//! variables and reasons, and, beside the directory of these, the protocol. `cargo xtask generate` calls it; `cargo xtask tidy` fails when what is
//! checked in differs.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use clap::Args;
use clap_complete::Shell;
use job::{Reason, variable};

use super::complain;
use super::options::{DaemonOptions, SchedulerOptions};

pub(crate) fn run(directory: &Path) -> ExitCode {
    match write_all(directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!(
                "documents cannot be written below {}: {error}",
                directory.display()
            ));
            ExitCode::FAILURE
        }
    }
}

fn write_all(directory: &Path) -> io::Result<()> {
    let man = directory.join("man");
    fs::create_dir_all(&man)?;
    manual(&man, &super::definition())?;
    manual(
        &man,
        &super::config_file::with_values(DaemonOptions::augment_args(
            clap::Command::new("iceccd").about("The daemon, under icecream's name"),
        )),
    )?;
    manual(
        &man,
        &SchedulerOptions::augment_args(
            clap::Command::new("icecc-scheduler").about("The scheduler, under icecream's name"),
        ),
    )?;
    let completions = directory.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut super::definition(), "floe", &completions)?;
    }
    fs::write(directory.join("daemon.toml"), super::config_file::sample())?;
    fs::write(directory.join("reasons.md"), reasons())?;
    fs::write(directory.join("variables.md"), variables())?;
    fs::write(
        directory.with_file_name("protocol.md"),
        wire::document::markdown(),
    )
}

/// One page for the command and one for each subcommand that is shown, theirs included.
fn manual(directory: &Path, command: &clap::Command) -> io::Result<()> {
    pages(directory, command, command.get_name())
}

fn pages(directory: &Path, command: &clap::Command, name: &str) -> io::Result<()> {
    page(directory, command, name)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages(directory, sub, &format!("{name}-{}", sub.get_name()))?;
    }
    Ok(())
}

fn page(directory: &Path, command: &clap::Command, name: &str) -> io::Result<()> {
    let mut text = Vec::new();
    let named = command
        .clone()
        .name(clap::builder::Str::from(name.to_owned()))
        .version(env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(named).render(&mut text)?;
    fs::write(directory.join(format!("{name}.1")), text)
}

fn reasons() -> String {
    let mut text = "# Reasons\n\nWhy a job ran where it ran, as `floe explain` says it. Generated from `crates/job/src/reason.rs`.\n\n\
        | code | what happened | what helps |\n|---|---|---|\n"
        .to_owned();
    for reason in Reason::ALL {
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            text,
            "| `{}` | {} | {} |",
            reason.code(),
            reason.sentence(),
            reason.remedy()
        );
    }
    text
}

fn variables() -> String {
    let mut text = "# Environment variables\n\nGenerated from `crates/job/src/variable.rs`.\n\n\
        | variable | read by | meaning |\n|---|---|---|\n"
        .to_owned();
    for one in variable::ALL {
        let readers: Vec<String> = one
            .readers
            .iter()
            .map(|reader| format!("{reader:?}").to_lowercase())
            .collect();
        let readers = match readers.as_slice() {
            [] => "nobody".to_owned(),
            some => some.join(", "),
        };
        let _infallible = writeln!(text, "| `{}` | {} | {} |", one.name, readers, one.help);
    }
    text
}
