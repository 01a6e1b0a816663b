//! `floe agent`: the process behind this user's wrappers.

use std::process::ExitCode;
use std::time::Duration;

use super::options::AgentOptions;
use super::complain;

pub(crate) fn run(options: &AgentOptions) -> ExitCode {
    if options.stop {
        return stop();
    }
    let _ = Duration::ZERO;
    ExitCode::FAILURE
}

fn stop() -> ExitCode {
    if crate::ask_agent::stop() {
        ExitCode::SUCCESS
    } else {
        complain("no agent of this user is running");
        ExitCode::FAILURE
    }
}
