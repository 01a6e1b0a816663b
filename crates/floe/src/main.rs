//! `floe`: one program, many names.
//!
//! Called as `floe` it has subcommands. Called as one of icecream's programs it takes that
//! program's options. Called by any other name it is the wrapper.

mod ask_agent;
mod cli;
mod detach;
mod log;
mod names;
mod try_out;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match names::role(arguments.first().map(|name| name.as_os_str())) {
        names::Role::Floe => cli::floe(&arguments),
        names::Role::Daemon => cli::iceccd(&arguments),
        names::Role::Scheduler => cli::icecc_scheduler(&arguments),
        names::Role::CreateEnv => cli::create_env(&arguments[1..]),
        names::Role::TestEnv => cli::test_env(&arguments[1..]),
        names::Role::Wrapper => wrapper::main(),
    }
}
