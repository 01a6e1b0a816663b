//! How soon a scheduler answers a connection while its daemons are quiet.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use compliance::Case;
use compliance::bed::{Bed, LOCAL, ONE};
use lab::Cluster;
use lab::Signal;
use lab::Suite::Debian;
use lab::cluster::SCHEDULER;
use transport::{Channel, Options, connect_scheduler};

const SOON: Duration = Duration::from_secs(6);
/// More than one, since the original answers whoever comes while it happens to be awake.
const ROUNDS: u32 = 6;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("S1", "a further connection is answered at once", |bed| {
            answered(bed, false)
        })
        .gap(
            Debian,
            "no answer within",
            "it looks at its listening socket only after a sleep of up to 36 s",
        ),
        Case::new(
            "S2",
            "one that comes with a discovery query is answered soon",
            |bed| answered(bed, true),
        ),
    ]
}

/// Connects again and again. The daemons are stopped, for their load messages, which a busy
/// machine makes them send often, would wake the scheduler each time.
fn answered(bed: &mut Bed, nudged: bool) -> Result<()> {
    let mut cluster = Cluster::builder()
        .scheduler(bed.suite)
        .executor(ONE, bed.suite, 2)
        .submitter(LOCAL, bed.suite, 2)
        .start()?;
    let (address, port) = cluster.scheduler_address()?;
    let scheduler = (address, port).into();
    for daemon in [ONE, LOCAL] {
        cluster.daemon(daemon)?.kill(Signal::STOP);
    }
    let host = cluster.host(SCHEDULER)?;
    for round in 0..ROUNDS {
        let began = Instant::now();
        host.inside(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                if nudged {
                    connect_scheduler(scheduler, SOON, None, Options::default()).await?;
                } else {
                    Channel::connect_tcp(scheduler, SOON, None).await?;
                }
                Ok(())
            })
        })
        .with_context(|| format!("no answer within {SOON:?} in round {round}"))?;
        ensure!(began.elapsed() < SOON);
    }
    Ok(())
}
