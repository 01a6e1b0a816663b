//! `floe scheduler` and `icecc-scheduler`: from options and environment to a running scheduler.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use job::variable;
use sandbox::privileges::{self, PrivilegeError};
use transport::Gate;

use super::options::SchedulerOptions;
use super::service;
use crate::log::Origin;

/// Used when root starts a scheduler and there is no account `icecc`: nobody's ids.
const FALLBACK_IDS: (u32, u32) = (65534, 65533);
const ACCOUNT: &str = "icecc";

pub(crate) fn run(options: &SchedulerOptions, origin: Origin) -> ExitCode {
    let name = origin.name("floe scheduler", "icecc-scheduler");
    service::run(&options.service, origin, name, |ready| {
        let config = config(options)?;
        // A name that somebody chose is meant; only Debian's account may be missing.
        let (account, fallback) = match options.service.user.as_deref() {
            Some(chosen) => (chosen, None),
            None => (ACCOUNT, Some(FALLBACK_IDS)),
        };
        if privileges::is_root() {
            privileges::drop_to(account, fallback)?;
        } else if let Err(error @ PrivilegeError::Unknown { .. }) =
            privileges::account(account, fallback)
        {
            return Err(error.into());
        }
        service::block_on(async {
            let shutdown = service::shutdown()?;
            let bound = scheduler::bind(config).await?;
            ready();
            Ok(scheduler::run(bound, shutdown).await?)
        })
    })
}

fn config(options: &SchedulerOptions) -> anyhow::Result<scheduler::Config> {
    Ok(scheduler::Config {
        net_name: options.netname.clone(),
        port: options.port,
        interface: options.service.interface.clone(),
        gate: Gate::Open,
        algorithm: options.algorithm,
        persistent_clients: options.persistent,
        tests: std::env::var_os(variable::TESTS).is_some(),
        broadcast_ports: service::test_scheduler_ports(),
        fake_start_time: std::env::var_os(variable::FAKE_STARTTIME).is_some(),
        seed: seed(),
    })
}

/// Differs from start to start; nothing depends on it being unpredictable.
fn seed() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_secs() ^ u64::from(now.subsec_nanos()) << 32 ^ u64::from(std::process::id())
}
