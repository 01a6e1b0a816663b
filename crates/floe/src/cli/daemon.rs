//! `floe daemon` and `iceccd`: from options and environment to a running daemon.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use daemon::Find;
use job::variable;
use transport::{Gate, Passport};

use super::options::DaemonOptions;
use super::service;
use super::standing::{self, Part, warn_of_openness};
use crate::log::Origin;

/// Where root's service keeps toolchains when nobody says otherwise: nobody else can have made it.
const ROOT_BASE_DIR: &str = "/var/cache/floe";
/// Under icecream's names: where icecream does.
const ICECREAM_BASE_DIR: &str = "/var/tmp/icecc-envs";

pub(crate) fn run(options: &DaemonOptions, origin: Origin) -> ExitCode {
    let name = origin.name("floe daemon", "iceccd");
    service::run(&options.service, origin, name, |ready| {
        let part = Part::of(origin, options.icecream)?;
        let mut config = config(options, origin)?;
        if let Part::Alone { place } = &part {
            alone(&mut config, place)?;
        }
        config.ipv6 = matches!(part, Part::Member { .. });
        part.give_to(service::root_becomes(options.service.user.as_deref())?)?;
        // Before any thread exists: the helper that starts jobs is a fork of this process.
        let (sockets, zygote) = daemon::prepare_with(&config, |user| {
            (!config.no_remote).then(|| zygote(user)).flatten()
        })?;
        let client = zygote.as_ref().map(sandbox::Zygote::client);
        let membership = part.open()?;
        if let Some(membership) = &membership {
            config.gate = membership.gate();
            // Hosts that are no members know no grants.
            config.grants_only = matches!(config.gate, Gate::Members(_));
            config.passport = Passport::Member(membership.standing.live());
            config.papers = Some(membership.standing.papers());
            config.roles = Some(membership.standing.identity().roles());
            config.schedulers = Some(membership.standing.schedulers());
            if options.scheduler.is_none() {
                config.scheduler = Find::OneOf(membership.schedulers()?);
            }
        }
        if !config.no_remote {
            warn_of_openness(&config.gate);
        }
        service::block_on(async {
            let shutdown = service::shutdown()?;
            if let Some(membership) = membership {
                tokio::spawn(membership.standing.keep());
            }
            Ok(daemon::run_and_say(config, sockets, client, ready, shutdown).await?)
        })
    })
}

/// A host that is no member serves its own users only.
fn alone(config: &mut daemon::Config, place: &str) -> anyhow::Result<()> {
    if let Find::At(scheduler) = &config.scheduler {
        anyhow::bail!(
            "the scheduler at {scheduler} is for members of its cluster, and this host is none ({place}): `floe join LINE` makes it one, with a line that `floe cluster invite` printed; `floe daemon --icecream` uses it as icecream does, without authentication"
        );
    }
    tracing::warn!(
        "this host is no member of a cluster ({place}): it takes no jobs of others and sends none; `floe join LINE` makes it a member, and --icecream opens it to everybody, as icecream's daemon is"
    );
    config.scheduler = Find::OneOf(Vec::new());
    config.no_remote = true;
    Ok(())
}

/// Starts the helper that runs foreign jobs, as `user` if this is root. Without one this host
/// compiles nothing for others.
fn zygote(user: Option<(u32, u32)>) -> Option<sandbox::Zygote> {
    let started = match user {
        Some(user) => sandbox::Zygote::start_as_root(user),
        None => sandbox::Zygote::start(),
    };
    match started {
        Ok(zygote) => {
            for line in zygote.findings().lines() {
                tracing::info!("{line}");
            }
            Some(zygote)
        }
        Err(error) => {
            tracing::warn!("{error}");
            None
        }
    }
}

fn config(options: &DaemonOptions, origin: Origin) -> anyhow::Result<daemon::Config> {
    let base_dir = match &options.base_dir {
        // Under icecream's name it may be any.
        Some(dir) if !dir.as_os_str().is_empty() => {
            std::path::absolute(dir).with_context(|| format!("-b {}", dir.display()))?
        }
        _ => default_base_dir(origin)?,
    };
    let mut config = daemon::Config::new(base_dir);
    if let Some(netname) = &options.netname {
        config.netname.clone_from(netname);
    }
    if let Some(name) = &options.node_name {
        config.node_name.clone_from(name);
    }
    if let Some(slots) = options
        .max_processes
        .and_then(|slots| u32::try_from(slots).ok())
    {
        config.slots = slots;
    }
    config.nice = u8::try_from(options.nice)?;
    config.scheduler = scheduler(options.scheduler.as_deref())?;
    config.cache_limit_bytes = options.cache_limit.saturating_mul(1 << 20);
    config.port = options.port;
    config.bind = service::bind_address(options.service.interface.as_deref())?;
    config.listen = options.service.listen()?;
    if let (None, [only]) = (config.bind, config.listen.as_slice()) {
        // Where the scheduler sees this host is where others find it.
        config.bind = Some(*only);
    }
    let advertise = options.service.advertise();
    config.advertise = advertise.iter().map(standing::place).collect();
    config.no_remote = options.no_remote;
    config.owner = daemon::owner::Owner {
        idle_only: options.idle_only,
        max_load: options.max_load,
        hours: options.hours,
        not_on_battery: options.not_on_battery,
        memory: options.memory,
        patience: std::time::Duration::from_secs(options.hand_back_after),
    };
    config.user.clone_from(&options.service.user);
    config.socket = std::env::var_os(variable::TEST_SOCKET).map(PathBuf::from);
    config.tests = std::env::var_os(variable::TESTS).is_some();
    config.test_scheduler_ports = service::test_scheduler_ports();
    config.slow_network =
        std::env::var(variable::ICECC_SLOW_NETWORK).is_ok_and(|value| value.starts_with('1'));
    if let Some(level) = service::number(variable::ICECC_COMPRESSION) {
        config.compression = level;
    }
    Ok(config)
}

/// `-s`, else what the environment names, else a broadcast.
fn scheduler(option: Option<&str>) -> anyhow::Result<Find> {
    let named = option.map(str::to_owned).or_else(|| {
        [variable::ICECC_SCHEDULER, variable::USE_SCHEDULER]
            .into_iter()
            .find_map(|name| std::env::var(name).ok())
    });
    Find::parse(&named.unwrap_or_default()).map_err(anyhow::Error::msg)
}

fn default_base_dir(origin: Origin) -> io::Result<PathBuf> {
    if sandbox::privileges::is_root() {
        return Ok(origin.name(ROOT_BASE_DIR, ICECREAM_BASE_DIR).into());
    }
    let directory = |name| {
        let named = std::env::var_os(name).map(PathBuf::from);
        named.filter(|path| path.is_absolute())
    };
    let base = directory("XDG_CACHE_HOME").or_else(|| Some(directory("HOME")?.join(".cache")));
    base.map(|base| base.join("floe/daemon")).ok_or_else(|| {
        io::Error::other("no directory for toolchains is known: neither HOME nor XDG_CACHE_HOME is the whole path of one; name one with -b")
    })
}
