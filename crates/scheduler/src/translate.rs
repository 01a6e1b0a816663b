//! icecream's messages as events of the cluster, and its decisions as messages.
//!
//! Nothing that a peer sends gets past this file unchecked: platforms, toolchain names, addresses
//! and ports are parsed here, and what is only for display is cut to a bearable length.

use std::net::IpAddr;
use std::sync::Arc;

use icecream::{JobBegin, Message, MessageKind};
use job::{ClientId, EnvironmentName, HostId, InvalidName, JobId, NodeName, Platform, Reason};
use placement::{
    Assignment, Begin, Event, Figures, Load, LocalBegin, Login, Offer, Place, Report, Request,
    Toolchain, Wants, WhyHome,
};

/// File names are for display: longer ones are cut at the front.
const MAX_FILE: usize = 1024;

/// What a message of a logged-in daemon means.
#[derive(Debug)]
pub(crate) enum Meaning {
    Event(Box<Event>),
    /// A further LOGIN: an event, and CS_CONF as an answer.
    Renewal(Box<Event>),
    /// The answer to GET_INTERNALS.
    Internals(String),
    Logout,
    Nothing,
    /// No daemon says this to a scheduler.
    OutOfPlace(MessageKind),
}

/// Why a LOGIN is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadLogin {
    #[error(transparent)]
    Platform(#[from] InvalidName),
    #[error("its port {0} does not exist")]
    Port(u32),
}

/// The first LOGIN of a connection.
pub(crate) fn login(
    login: &icecream::Login,
    address: IpAddr,
    version: u32,
) -> Result<Login, BadLogin> {
    let port = u16::try_from(login.port).map_err(|_| BadLogin::Port(login.port))?;
    let mut name = NodeName::display(&login.node_name);
    if name.is_empty() {
        name = NodeName::display(&address.to_string());
    }
    Ok(Login {
        name,
        address,
        port,
        slots: login.max_kids.min(10_000),
        platform: Platform::parse(&login.host_platform)?,
        chroot_possible: login.chroot_possible,
        no_remote: login.no_remote || port == 0,
        features: login.features,
        version,
        toolchains: toolchains(&login.environments),
        member: None,
    })
}

/// What a further message of `host` means.
pub(crate) fn meaning(host: HostId, message: Message) -> Meaning {
    let event = match message {
        Message::GetCs(request) => Event::Requested {
            host,
            request: wish(request),
        },
        Message::JobBegin(begin) if begin.start_time == JobBegin::WAITS => Event::Waits {
            host,
            job: JobId(begin.job_id),
        },
        Message::JobBegin(begin) => Event::Began {
            host,
            begin: Begin {
                job: JobId(begin.job_id),
                start_time: begin.start_time,
                client_count: begin.client_count,
            },
        },
        Message::JobDone(done) => Event::Ended {
            host,
            report: report(&done),
        },
        Message::Stats(stats) => Event::Load {
            host,
            load: Load {
                load: stats.load,
                average_1: stats.load_avg_1,
                average_5: stats.load_avg_5,
                average_15: stats.load_avg_10,
                free_memory: stats.free_mem,
            },
        },
        Message::JobLocalBegin(begin) => Event::LocalBegan {
            host,
            local: LocalBegin {
                client: ClientId(begin.id),
                file: shown(&begin.outfile),
                start_time: begin.start_time,
                full: begin.full,
            },
        },
        Message::JobLocalDone(done) => Event::LocalEnded {
            host,
            client: ClientId(done.job_id),
        },
        Message::BlacklistHostEnv(bad) => match distrust(&bad) {
            Some((address, toolchain)) => Event::Distrusted {
                host,
                address,
                toolchain,
            },
            None => return Meaning::Nothing,
        },
        Message::Login(login) => {
            let toolchains = toolchains(&login.environments);
            return Meaning::Renewal(Box::new(Event::Toolchains { host, toolchains }));
        }
        Message::StatusText(text) => return Meaning::Internals(text.text),
        Message::End => return Meaning::Logout,
        Message::Ping => return Meaning::Nothing,
        other => return Meaning::OutOfPlace(other.kind()),
    };
    Meaning::Event(Box::new(event))
}

/// The answer to a request. `hears_reasons`: the submitter's daemon is one of floe's.
pub(crate) fn answer(assignment: &Assignment, hears_reasons: bool) -> Message {
    let (job_id, client_id) = (assignment.job.0, assignment.client.0);
    match &assignment.place {
        Place::Home(WhyHome::NobodyWilling) if hears_reasons => Message::UseCs(icecream::UseCs {
            job_id,
            port: 0,
            hostname: String::new(),
            host_platform: String::new(),
            got_env: true,
            client_id,
            matched_job_id: Reason::NobodyWilling as u32,
        }),
        Place::Home(_) => Message::NoCs(icecream::NoCs { job_id, client_id }),
        Place::Host {
            address,
            port,
            platform,
            has_toolchain,
            ..
        } => {
            Message::UseCs(icecream::UseCs {
                job_id,
                port: (*port).into(),
                hostname: address.to_string(),
                host_platform: platform.as_str().to_owned(),
                got_env: *has_toolchain,
                client_id,
                matched_job_id: 0, // only informs
            })
        }
    }
}

fn wish(request: icecream::GetCs) -> Request {
    let offer = |(platform, name): (&str, &str)| {
        Some(Offer {
            runs_on: Platform::parse(platform).ok()?,
            name: EnvironmentName::parse(name).ok()?,
        })
    };
    let offers = request
        .versions
        .iter()
        .filter_map(|version| offer((&version.platform, &version.name)));
    let wants = match Platform::parse(&request.target) {
        Ok(target) => Wants::new(
            &target,
            offers,
            cut(request.preferred_host),
            request.minimal_host_version,
            request.required_features,
        )
        .with_much_memory(request.arg_flags & icecream::GetCs::MUCH_MEMORY != 0),
        Err(_) => Wants::impossible(),
    };
    Request {
        client: ClientId(request.client_id),
        wants,
        file: shown(&request.filename),
        language: request.lang,
        count: request.count,
        arg_flags: request.arg_flags,
        niceness: request.niceness,
        client_count: request.client_count,
    }
}

fn report(done: &icecream::JobDone) -> Report {
    Report {
        number: done.job_id,
        by_client: done.flags & 2 != 0,
        from_submitter: done.flags & 1 != 0,
        figures: Figures {
            exit_code: done.exit_code,
            real_msec: done.real_msec,
            user_msec: done.user_msec,
            sys_msec: done.sys_msec,
            page_faults: done.page_faults,
            in_compressed: done.in_compressed,
            in_uncompressed: done.in_uncompressed,
            out_compressed: done.out_compressed,
            out_uncompressed: done.out_uncompressed,
        },
        client_count: done.client_count,
    }
}

fn distrust(bad: &icecream::BlacklistHostEnv) -> Option<(IpAddr, Toolchain)> {
    let target = Platform::parse(&bad.target).ok()?;
    let name = EnvironmentName::parse(&bad.name).ok()?;
    Some((bad.hostname.parse().ok()?, Toolchain { target, name }))
}

/// LOGIN names toolchains by (target platform, name); unusable entries are left out.
fn toolchains(environments: &[icecream::Environment]) -> Vec<Toolchain> {
    let toolchain = |environment: &icecream::Environment| {
        Some(Toolchain {
            target: Platform::parse(&environment.platform).ok()?,
            name: EnvironmentName::parse(&environment.name).ok()?,
        })
    };
    environments.iter().filter_map(toolchain).collect()
}

/// A name that is too long for any host stays so, and takes no room.
fn cut(name: String) -> String {
    if name.len() <= 255 {
        name
    } else {
        name.chars().take(256).collect()
    }
}

fn shown(file: &[u8]) -> Arc<[u8]> {
    let start = file.len().saturating_sub(MAX_FILE);
    Arc::from(&file[start..])
}
