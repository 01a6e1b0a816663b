//! One job as the scheduler sees it.

use std::sync::Arc;

use job::{ClientId, HostId, JobId};

use crate::{Time, Wants};

/// How far a job has come. A finished job is no longer kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waits for a host.
    Pending,
    /// Has a host, which has not begun.
    Assigned { host: HostId },
    /// Compiles.
    Running { host: HostId },
}

impl Stage {
    /// The whole life of a job. It may end in any stage.
    fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Pending, Self::Assigned { .. }) => true,
            (Self::Assigned { host }, Self::Running { host: same }) => host == same,
            _ => false,
        }
    }

    /// The host that has the job.
    pub fn host(self) -> Option<HostId> {
        match self {
            Self::Pending => None,
            Self::Assigned { host } | Self::Running { host } => Some(host),
        }
    }

    /// icecream's word at the control port.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "PEND",
            Self::Assigned { .. } => "WAIT",
            Self::Running { .. } => "COMP",
        }
    }
}

/// A job that is waiting, assigned or running. Jobs that need no host are in here too: they run on
/// their submitter from the start.
#[derive(Debug)]
pub struct Task {
    pub id: JobId,
    pub submitter: HostId,
    pub client: ClientId,
    pub file: Arc<[u8]>,
    pub language: u32,
    pub kind: Kind,
    pub since: Time,
    /// Unix seconds by the compiling host's clock, once it runs.
    pub start_time: u32,
    stage: Stage,
}

/// What is particular to the two sorts of jobs.
#[derive(Debug)]
pub enum Kind {
    /// Takes part in placement.
    Placed(Placed),
    /// Runs at home; it takes this many slots.
    Local { slots: u32 },
}

/// The placement of a job.
#[derive(Debug)]
pub struct Placed {
    pub(crate) wants: Arc<Wants>,
    pub(crate) niceness: u32,
    pub(crate) arg_flags: u32,
    /// Others came with the same request and must get the same toolchain.
    pub(crate) has_siblings: bool,
    /// It was ready to be sent when it got a free slot: until it begins, only the way is to be gone.
    pub(crate) prompt: bool,
}

impl Task {
    pub(crate) fn new(
        id: JobId,
        (submitter, client): (HostId, ClientId),
        (file, language): (Arc<[u8]>, u32),
        kind: Kind,
        now: Time,
    ) -> Self {
        let stage = match kind {
            Kind::Placed(_) => Stage::Pending,
            Kind::Local { .. } => Stage::Running { host: submitter },
        };
        Self {
            id,
            submitter,
            client,
            file,
            language,
            kind,
            since: now,
            start_time: 0,
            stage,
        }
    }

    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether it was asked for by [`crate::Cluster::wanted`].
    pub fn is_native(&self) -> bool {
        matches!(&self.kind, Kind::Placed(placed) if placed.wants.native)
    }

    pub fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Local { .. })
    }

    /// Moves on. A wrong move is a fault of this crate, never of a peer.
    pub(crate) fn advance(&mut self, next: Stage, now: Time) {
        assert!(
            self.stage.may_become(next),
            "job {} cannot go from {:?} to {next:?}",
            self.id,
            self.stage
        );
        self.stage = next;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_only_moves_forward_and_stays_on_its_host() {
        let (here, there) = (HostId(1), HostId(2));
        let stages = [
            Stage::Pending,
            Stage::Assigned { host: here },
            Stage::Running { host: here },
        ];
        for (from, stage) in stages.iter().enumerate() {
            for (to, next) in stages.iter().enumerate() {
                assert_eq!(
                    stage.may_become(*next),
                    to == from + 1,
                    "{stage:?} {next:?}"
                );
            }
        }
        assert!(!stages[1].may_become(Stage::Running { host: there }));
    }
}
