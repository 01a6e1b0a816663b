//! `floe status`: the agent, the daemon, the scheduler and its hosts.
//!
//! The scheduler is asked through the control port beside its own (icecream-compatible text), so
//! that any scheduler of the network answers.

mod control;
pub(super) mod gather;
mod member;
mod show;

use std::io::Write;
use std::process::ExitCode;

use super::complain;
use super::options::StatusOptions;

pub(crate) fn run(options: &StatusOptions) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("status cannot be gathered: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let status = runtime.block_on(gather::gather(options.scheduler.as_deref()));
    let text = if options.json {
        serde_json::to_string_pretty(&status)
            .map(|text| text + "\n")
            .unwrap_or_default()
    } else {
        show::table(&status)
    };
    let printed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(u8::from(printed.is_err() || status.scheduler.is_none()))
}
