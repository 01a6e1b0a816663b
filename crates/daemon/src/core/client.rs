//! What one client connection is about, as far as slots and the scheduler are concerned.

use std::time::Duration;

use job::{JobId, Reason};

use crate::memory::Likeness;

/// One session with a scheduler. Job numbers mean nothing beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Session(pub(super) u64);

#[derive(Debug)]
pub(super) struct Client {
    /// Counts for the scheduler's view of how busy this submit host is.
    pub(super) local: bool,
    pub(super) work: Work,
}

/// A connection does one kind of thing at a time.
#[derive(Debug)]
pub(super) enum Work {
    Idle,
    Local(LocalJob),
    Hosts(Hosts),
    Compile(Compile),
    Installing,
}

#[derive(Debug)]
pub(super) struct LocalJob {
    pub(super) outfile: Vec<u8>,
    /// Takes all slots.
    pub(super) full: bool,
    pub(super) running: bool,
    /// The session in which the scheduler was told of it.
    pub(super) told: Option<Session>,
}

/// Jobs that the client wants placed. Usually one; three for icecream's repeated compiles.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    pub(super) niceness: u32,
    /// Answers that the scheduler still owes.
    pub(super) owed: u32,
    pub(super) jobs: Vec<HostJob>,
}

#[derive(Debug)]
pub(super) struct HostJob {
    pub(super) job: JobId,
    /// The session that the number belongs to; none when there was no scheduler to give one.
    pub(super) session: Option<Session>,
    pub(super) place: Place,
    /// Why it came back to this host, if the scheduler said so.
    pub(super) why: Option<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The client deals with another host; this one only waits for its farewell.
    Away,
    /// To be compiled here, without a slot yet.
    HomeWaiting,
    /// To be compiled here, with a slot.
    Home,
}

/// A compile for somebody else.
#[derive(Debug)]
pub(super) struct Compile {
    pub(super) job: JobId,
    pub(super) session: Option<Session>,
    pub(super) since: Duration,
    pub(super) running: bool,
    /// The scheduler knows; one that makes way for others begins twice.
    pub(super) told: bool,
    /// Its place in the order of arrivals.
    pub(super) arrival: u64,
    pub(super) like: Likeness,
    /// What it is thought to need after it ran once; none before.
    pub(super) needs: Option<u64>,
}

impl Work {
    /// The word that icecream's status text uses for this state.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Idle => "unknown",
            Self::Local(LocalJob { running: true, .. }) => "clientwork",
            Self::Local(_) => "linkjob",
            Self::Hosts(hosts) if hosts.owed > 0 => "waitforcs",
            Self::Hosts(hosts) => match hosts.jobs.first().map(|job| job.place) {
                Some(Place::HomeWaiting) => "pending_use_cs",
                Some(Place::Home) => "clientwork",
                Some(Place::Away) => "waitcompile",
                None => "jobdone",
            },
            Self::Compile(Compile { running: true, .. }) => "waitforchild",
            Self::Compile(_) => "tocompile",
            Self::Installing => "waitinstall",
        }
    }

    /// Slots that this work occupies; a `frozen` foreign compile uses no processor.
    pub(super) fn slots(&self, all: u32, frozen: bool) -> u32 {
        match self {
            Self::Compile(_) if frozen => 0,
            Self::Local(LocalJob {
                running: true,
                full: true,
                ..
            }) => all,
            Self::Local(LocalJob { running: true, .. })
            | Self::Compile(Compile { running: true, .. }) => 1,
            Self::Hosts(hosts) => {
                let home = hosts
                    .jobs
                    .iter()
                    .filter(|job| job.place == Place::Home)
                    .count();
                u32::try_from(home).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }

    /// Nothing of the client is waiting or running.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::Idle => true,
            Self::Hosts(hosts) => hosts.owed == 0 && hosts.jobs.is_empty(),
            _ => false,
        }
    }
}
