//! `floe scheduler` and `icecc-scheduler`: from options and environment to a running scheduler.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use job::variable;
use membership::{Presence, Role};
use transport::{Gate, Standing};

use super::options::SchedulerOptions;
use super::service;
use super::standing::{self, Membership, Part, warn_of_openness};
use crate::log::Origin;

pub(crate) fn run(options: &SchedulerOptions, origin: Origin) -> ExitCode {
    let name = origin.name("floe scheduler", "icecc-scheduler");
    service::run(&options.service, origin, name, |ready| {
        let part = Part::of(origin, options.icecream)?;
        if let Part::Alone { place } = &part {
            anyhow::bail!(
                "this host is no member of a cluster ({place}), and a scheduler is for members: `floe cluster create` makes a cluster, `floe join LINE` a member of one; `floe scheduler --icecream` serves everybody, as icecream's scheduler does"
            );
        }
        let user = options.service.user.as_deref();
        part.give_to(service::root_becomes(user)?)?;
        service::leave_root(user)?;
        let mut membership = part.open()?;
        let advertise = options.service.advertise();
        if let Some(membership) = &mut membership {
            membership.standing.schedules(Presence {
                port: options.port,
                advertised: advertise.clone(),
            });
        }
        let gate = membership.as_ref().map_or(Gate::Open, Membership::gate);
        warn_of_openness(&gate);
        let papers = membership.as_ref().map(|it| it.standing.papers());
        let standing = membership.as_ref().map(|it| &it.standing);
        let name = standing.map(|it| it.identity().name().to_string());
        let schedules = standing.is_some_and(|it| it.identity().roles().may(Role::Schedule));
        let config = scheduler::Config {
            papers,
            schedulers: standing.filter(|_| schedules).map(Standing::schedulers),
            name: name.unwrap_or_default(),
            advertise: advertise.iter().map(standing::place).collect(),
            listen: options.service.listen()?,
            ..config(options, gate)
        };
        service::block_on(async {
            let shutdown = service::shutdown()?;
            if let Some(membership) = membership {
                tokio::spawn(membership.standing.keep());
            }
            let bound = scheduler::bind(config).await?;
            ready();
            Ok(scheduler::run(bound, shutdown).await?)
        })
    })
}

fn config(options: &SchedulerOptions, gate: Gate) -> scheduler::Config {
    scheduler::Config {
        net_name: options.netname.clone(),
        port: options.port,
        listen: Vec::new(),
        gate,
        papers: None,
        schedulers: None,
        name: String::new(),
        advertise: Vec::new(),
        algorithm: options.algorithm,
        persistent_clients: options.persistent,
        tests: std::env::var_os(variable::TESTS).is_some(),
        broadcast_ports: service::test_scheduler_ports(),
        fake_start_time: std::env::var_os(variable::FAKE_STARTTIME).is_some(),
        seed: seed(),
    }
}

/// Differs from start to start; nothing depends on it being unpredictable.
fn seed() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_secs() ^ u64::from(now.subsec_nanos()) << 32 ^ u64::from(std::process::id())
}
