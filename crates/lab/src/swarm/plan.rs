//! What to load a scheduler with, and what came of it.

use std::net::SocketAddr;
use std::time::Duration;

/// What to load a scheduler with.
#[derive(Clone, Debug)]
pub struct Plan {
    pub scheduler: SocketAddr,
    pub daemons: u32,
    /// Slots of each daemon.
    pub slots: u32,
    pub submitters: u32,
    /// Jobs that each submitter keeps open.
    pub open: u32,
    /// How long a job takes, give or take a quarter; zero for jobs that end when they begin.
    pub job: Duration,
    /// How long to go on.
    pub run: Duration,
    /// How long all logins together may take.
    pub patience: Duration,
}

impl Plan {
    /// The load of the bench table: 1,000 daemons of 8 slots, 20 submitters with 50 jobs each.
    pub fn bench(scheduler: SocketAddr, job: Duration) -> Self {
        Self {
            scheduler,
            daemons: 1000,
            slots: 8,
            submitters: 20,
            open: 50,
            job,
            run: Duration::from_secs(10),
            patience: Duration::from_secs(180),
        }
    }
}

/// What a scheduler did under the load.
#[derive(Clone, Debug)]
pub struct Findings {
    /// From the first connection until every daemon has its configuration.
    pub logins: Duration,
    /// Jobs that got a host while the load was on.
    pub placements: u64,
    /// Jobs that were sent back to their submitter.
    pub sent_home: u64,
    pub per_second: f64,
    /// From the request to the answer.
    pub median: Duration,
    pub p99: Duration,
    pub worst: Duration,
    /// The fewest and the most jobs that one daemon got.
    pub share: (u64, u64),
}
