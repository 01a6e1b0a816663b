//! `floe agent`: the process behind this user's wrappers.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::complain;
use super::options::AgentOptions;
use crate::log::{Log, Origin};

pub(crate) fn run(options: &AgentOptions) -> ExitCode {
    if options.stop {
        return stop();
    }
    if let [root, trials @ ..] = &options.try_toolchain[..] {
        return try_toolchain(Path::new(root), trials);
    }
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("agent: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Before this program has threads.
fn try_toolchain(root: &Path, trials: &[String]) -> ExitCode {
    match agent::try_toolchain(root, trials) {
        Ok(()) => ExitCode::SUCCESS,
        // For the agent, which puts it into its own words.
        Err(why) => {
            eprintln!("{why}");
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
