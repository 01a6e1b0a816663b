//! A scheduler under a thousand pretended daemons.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use lab::swarm::{self, Findings, Plan};
use lab::{HostSpec, Kind, Lab, LabOptions, Programs, Suite};

use crate::Options;
use crate::table::Table;

const PORT: u16 = 8765;

pub(crate) fn measure(_options: &Options, table: &mut Table) -> Result<()> {
    let jobs = [Duration::ZERO, Duration::from_millis(200)];
    let mut findings = Vec::new();
    for job in jobs {
        let pair = Suite::BOTH.map(|suite| load(suite, job));
        for (suite, result) in Suite::BOTH.iter().zip(&pair) {
            if let Err(e) = result {
                table.note(format!(
                    "scheduler of {}, jobs of {job:?}: {e:#}",
                    suite.name()
                ));
            }
        }
        findings.push(pair.map(Result::ok));
    }
    let [instant, timed] = &findings[..] else {
        return Ok(());
    };
    let figure = |pair: &[Option<Findings>; 2], get: fn(&Findings) -> f64| {
        let [debian, floe] = pair;
        (debian.as_ref().map(get), floe.as_ref().map(get))
    };
    let mut row = |what, unit, (debian, floe), goal| table.row(what, unit, debian, floe, goal);
    row(
        "1,000 daemons log in at once (the swarm wakes a sleeping scheduler)",
        "s",
        figure(timed, |f| f.logins.as_secs_f64()),
        "≤ 1 s",
    );
    row(
        "placements per second, instant jobs",
        "/s",
        figure(instant, |f| f.per_second),
        "≥ 20,000",
    );
    row(
        "placements per second, jobs of 200 ms",
        "/s",
        figure(timed, |f| f.per_second),
        "",
    );
    row(
        "p99 of the answer, jobs of 200 ms",
        "ms",
        figure(timed, |f| f.p99.as_secs_f64() * 1e3),
        "≤ 5 ms",
    );
    Ok(())
}

fn load(suite: Suite, job: Duration) -> Result<Findings> {
    let programs = Programs::locate(suite)?;
    let visible = programs
        .scheduler
        .parent()
        .map(std::path::Path::to_owned)
        .into_iter()
        .collect();
    let mut lab = Lab::with(
        Kind::Namespaces,
        LabOptions {
            visible,
            ..LabOptions::default()
        },
    )?;
    let host = lab.host(&HostSpec::new("swarm"))?;
    // Where the limit is the usual 1024, a thousand daemons and their probes would not fit.
    let mut scheduler = host
        .shell("ulimit -n 65536; exec \"$0\" \"$@\"")
        .arg(&programs.scheduler)
        .args(["-p", &PORT.to_string(), "-n", "lab"])
        .start()?;
    // Its control port listens when all its ports do.
    lab::control::Control::open(&host, host.address(), PORT + 1, Duration::from_secs(60))?;
    let plan = Plan::bench(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), job);
    let findings = host.inside(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(swarm::run(&plan))
    });
    scheduler.kill(lab::Signal::KILL);
    findings
}
