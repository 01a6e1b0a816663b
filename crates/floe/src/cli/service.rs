//! What every service program does around its work: log, background, signals, exit code.

use std::future::Future;
use std::net::IpAddr;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use sandbox::privileges::{self, PrivilegeError};
use tokio::signal::unix::{SignalKind, signal};

use super::complain;
use super::options::ServiceOptions;
use super::pid_file;
use crate::detach::{self, Background, Side};
use crate::log::{Log, Origin};

/// Runs `work` as a service. It is given a function to call when it serves.
pub(crate) fn run(
    options: &ServiceOptions,
    origin: Origin,
    name: &str,
    work: impl FnOnce(&dyn Fn()) -> anyhow::Result<()>,
) -> ExitCode {
    let background = match options.daemonize.then(detach::detach) {
        None => Background::foreground(),
        Some(Ok(Side::Service(background))) => background,
        Some(Ok(Side::Starter(code))) => return code,
        Some(Err(error)) => {
            complain(format_args!(
                "{name} cannot be put into the background: {error}; start it without -d"
            ));
            return ExitCode::FAILURE;
        }
    };
    let log = match Log::start(origin, options.verbose, options.log_file.as_deref()) {
        Ok(log) => log,
        Err(error) => {
            let path = options
                .log_file
                .as_deref()
                .unwrap_or_else(|| std::path::Path::new("stderr"));
            complain(format_args!(
                "log file {} cannot be opened: {error}; choose another with -l",
                path.display()
            ));
            return ExitCode::FAILURE;
        }
    };
    LOG.get_or_init(|| log);
    let held = options.pid_file.as_deref().map(pid_file::hold).transpose();
    match held.and_then(|_held| work(&|| background.ready())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = reasons(&error);
            tracing::error!("{name} ends: {why}");
            if options.log_file.is_some() {
                complain(format_args!("{name} ends: {why}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// Used when root starts a service and there is no account `icecc`: nobody's ids.
const FALLBACK_IDS: (u32, u32) = (65534, 65533);
const ACCOUNT: &str = "icecc";

/// A name that somebody chose is meant; only Debian's account may be missing.
fn chosen(user: Option<&str>) -> (&str, Option<(u32, u32)>) {
    match user {
        Some(user) => (user, None),
        None => (ACCOUNT, Some(FALLBACK_IDS)),
    }
}

/// The user and group that a service goes on as, if root starts it.
pub(crate) fn root_becomes(user: Option<&str>) -> anyhow::Result<Option<(u32, u32)>> {
    let (account, fallback) = chosen(user);
    match privileges::is_root() {
        true => Ok(Some(privileges::account(account, fallback)?)),
        false => Ok(None),
    }
}

/// Gives up root's rights, if there are any. Anybody else's wrong name is a mistake too.
pub(crate) fn leave_root(user: Option<&str>) -> anyhow::Result<()> {
    let (account, fallback) = chosen(user);
    if privileges::is_root() {
        privileges::drop_to(account, fallback)?;
    } else if let Err(error @ PrivilegeError::Unknown { .. }) =
        privileges::account(account, fallback)
    {
        return Err(error.into());
    }
    Ok(())
}

/// An error and its causes, each said once: most errors name their cause in their own sentence.
fn reasons(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The process's log, for the SIGHUP handler.
static LOG: std::sync::OnceLock<Log> = std::sync::OnceLock::new();

/// A runtime for one service.
pub(crate) fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot be made")?;
    let result = runtime.block_on(work);
    // Blocking work that hangs (a compiler that is packed, a dead file system) keeps nobody.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

/// Ends when the service shall end: SIGTERM, SIGINT, SIGALRM. Meanwhile SIGHUP reopens the log.
pub(crate) fn shutdown() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut alarm = signal(SignalKind::alarm())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = alarm.recv() => return,
                _ = hangup.recv() => if let Some(log) = LOG.get() { log.reopen() },
            }
        }
    })
}

/// The address of `-i IFNAME`.
pub(crate) fn bind_address(interface: Option<&str>) -> anyhow::Result<Option<IpAddr>> {
    let Some(name) = interface else {
        return Ok(None);
    };
    let address = transport::interface_address(name)?;
    if name != "lo" {
        transport::pin_to(Some(name));
    }
    Ok(Some(address))
}

impl ServiceOptions {
    /// Where to listen, if not everywhere.
    pub(crate) fn listen(&self) -> anyhow::Result<Vec<IpAddr>> {
        let bound = bind_address(self.interface.as_deref())?;
        let given = self
            .listen
            .iter()
            .flat_map(|listen| listen.0.iter().copied());
        Ok(bound.into_iter().chain(given).collect())
    }

    /// Where others are told to look.
    pub(crate) fn advertise(&self) -> Vec<membership::Address> {
        self.advertise
            .as_ref()
            .map_or_else(Vec::new, |given| given.0.clone())
    }
}

/// `ICECC_TEST_SCHEDULER_PORTS=P1:P2`.
pub(crate) fn test_scheduler_ports() -> Vec<u16> {
    let ports = std::env::var(job::variable::TEST_SCHEDULER_PORTS).unwrap_or_default();
    ports
        .split(':')
        .filter_map(|port| port.parse().ok())
        .collect()
}

/// A number in the environment; what is no number counts as absent.
pub(crate) fn number<N: FromStr>(name: &str) -> Option<N> {
    std::env::var(name).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_said_once() {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 8765));
        let in_use = transport::ListenError::PortInUse {
            address,
            transport: "TCP",
        };
        let error = anyhow::Error::new(scheduler::SchedulerError::from(in_use));
        assert_eq!(reasons(&error).matches("in use").count(), 1);
        let source = std::io::Error::other("no such luck");
        let refused = transport::ListenError::Port {
            address,
            transport: "TCP",
            source,
        };
        let error = anyhow::Error::new(scheduler::SchedulerError::from(refused));
        assert_eq!(reasons(&error).matches("no such luck").count(), 1);
        let error = anyhow::anyhow!("inner").context("outer");
        assert_eq!(reasons(&error), "outer: inner");
    }
}
