//! `floe agent`: the process behind this user's wrappers.

use std::process::ExitCode;
use std::time::Duration;

use super::complain;
use super::options::AgentOptions;
use crate::log::{Log, Origin};

pub(crate) fn run(options: &AgentOptions) -> ExitCode {
    if options.stop {
        return stop();
    }
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("agent: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &AgentOptions) -> anyhow::Result<()> {
    // A wrapper that starts the agent sends its stderr to a file in the runtime directory.
    Log::start(Origin::Floe, 0, None)?;
    let mut config = agent::Config::from_environment()?;
    if let Some(seconds) = options.idle {
        config.idle = Duration::from_secs(seconds);
    }
    Ok(agent::run(config)?)
}

fn stop() -> ExitCode {
    if crate::ask_agent::stop() {
        ExitCode::SUCCESS
    } else {
        complain("no agent of this user is running");
        ExitCode::FAILURE
    }
}
