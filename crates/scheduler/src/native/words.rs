//! What connections of the native path and the owner of the state say to each other.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use job::{Digest, EnvironmentName, JobId, Platform, Reason};
use membership::{MemberId, Peer as Member};
use placement::{Offer, Wants};
use tokio::sync::{mpsc, oneshot};
use wire::message::{Address, Ending, Lack, Refusal, Want};

use super::sign::Signing;
use crate::connection::Peer;

/// One stream of wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamKey {
    pub(crate) link: Peer,
    pub(crate) number: u32,
}

/// What happens on native connections.
#[derive(Debug)]
pub(crate) enum Input {
    Linked {
        link: Peer,
        member: Box<Member>,
        /// Dropping this ends the connection.
        stop: oneshot::Sender<()>,
    },
    Unlinked {
        link: Peer,
    },
    Opened {
        stream: StreamKey,
        count: u32,
        need: Need,
        replies: mpsc::Sender<Reply>,
    },
    Said {
        stream: StreamKey,
        said: Said,
    },
    Ended {
        stream: StreamKey,
    },
    /// Where an executor says that it is reached.
    Advertised {
        member: MemberId,
        addresses: Vec<Address>,
    },
}

/// What a stream said since it was last heard. Of counts and needs only the last one counts.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) count: Option<u32>,
    pub(crate) memory: Option<u64>,
    pub(crate) returned: Vec<JobId>,
    pub(crate) reports: Vec<Told>,
}

/// What became of a job, as its submitter says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) job: JobId,
    pub(crate) ending: Ending,
    pub(crate) refusal: Option<Refusal>,
}

/// What an ending says of the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    Nothing,
    /// It may fail the next job as well, for a while.
    Failed,
    /// It has none of the toolchains that were offered.
    Missing,
    /// It cannot use the toolchain.
    Unusable,
}

impl Told {
    pub(super) fn blame(self) -> Blame {
        match (self.ending, self.refusal) {
            (Ending::Done | Ending::Cancelled | Ending::Other, _) => Blame::Nothing,
            (Ending::Refused, Some(Refusal::ToolchainUnusable)) => Blame::Unusable,
            // The next one goes with the toolchain.
            (Ending::Refused, Some(Refusal::ToolchainMissing)) => Blame::Missing,
            // The next executor says the same.
            (Ending::Refused, Some(Refusal::BadInput)) => Blame::Nothing,
            (Ending::Refused | Ending::Unreachable | Ending::Lost | Ending::Broken, _) => {
                Blame::Failed
            }
        }
    }
}

impl Said {
    pub(crate) fn is_empty(&self) -> bool {
        self.count.is_none() && self.len() == 0
    }

    /// What takes room.
    pub(crate) fn len(&self) -> usize {
        self.returned.len() + self.reports.len()
    }
}

/// What the jobs of a stream need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    offers: Vec<(Digest, Platform)>,
    memory: u64,
    niceness: u32,
    preferred: String,
}

impl Need {
    pub(crate) fn of(want: &Want) -> Self {
        let offers = want.offers.iter();
        Self {
            offers: offers
                .map(|offer| (offer.toolchain, offer.platform.clone()))
                .collect(),
            memory: want.memory.map_or(0, |memory| memory.get()),
            niceness: want.niceness.get(),
            preferred: want.preferred.as_str().to_owned(),
        }
    }

    /// The same but for memory, which may change from job to job.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let same = |need: &Self| need.clone().with_memory(0);
        same(self) == same(other)
    }

    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    pub(super) fn niceness(&self) -> u32 {
        self.niceness
    }

    pub(super) fn with_memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// In the words of placement. A toolchain is known there by the name under which icecream's messages
    /// carry it; its compiler makes code for `target`.
    pub(super) fn wants(&self, target: &Platform) -> Wants {
        let offers = self.offers.iter().filter_map(|(toolchain, platform)| {
            let name: String = toolchain.to_string().chars().take(32).collect();
            Some(Offer {
                runs_on: platform.clone(),
                name: EnvironmentName::parse(&name).ok()?,
            })
        });
        Wants::new(target, offers, self.preferred.clone(), 0, 0)
            .with_much_memory(self.memory >= Want::MUCH_MEMORY)
            .natively()
    }
}

/// What a stream is to be told.
#[derive(Debug)]
pub(crate) enum Reply {
    Granted {
        signing: Arc<Signing>,
        places: Vec<Granted>,
    },
    Nothing(Why),
    /// It is to end: the peer asks for more than anybody may.
    TooMuch,
}

/// One place, to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) job: JobId,
    pub(crate) executor: [u8; 16],
    pub(crate) submitter: [u8; 16],
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// Where it says that it is reached instead.
    pub(crate) advertised: Vec<Address>,
    pub(crate) has_toolchain: bool,
    pub(crate) platform: Platform,
}

/// Why there is no grant for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    NotLoggedIn,
    /// This scheduler cannot sign.
    Unsigned(Arc<str>),
    NobodyWilling,
    NoSuitableHost,
    TooManyKinds,
    TooManyJobs,
}

impl Why {
    /// As programs are told.
    pub(crate) fn lack(&self) -> Lack {
        match self {
            Self::NotLoggedIn => Lack::NotLoggedIn,
            Self::Unsigned(_) => Lack::Unsigned,
            Self::NobodyWilling => Lack::NobodyWilling,
            Self::NoSuitableHost => Lack::NoHost,
            Self::TooManyKinds | Self::TooManyJobs => Lack::TooMuch,
        }
    }

    /// Whether waiting may help.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self, Self::NoSuitableHost)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoggedIn => out.write_str(
                "this host's daemon is not logged in at the scheduler; see `floe status` there",
            ),
            Self::Unsigned(why) => write!(out, "the scheduler cannot sign grants: {why}"),
            Self::NobodyWilling => out.write_str(Reason::NobodyWilling.sentence()),
            Self::NoSuitableHost => out.write_str(
                "no host that is logged in can run this toolchain, or none of the preferred name",
            ),
            Self::TooManyKinds => {
                out.write_str("jobs of too many different kinds wait; some have to end first")
            }
            Self::TooManyJobs => write!(
                out,
                "more than {} jobs of this host are open",
                placement::Cluster::MAX_OPEN_JOBS
            ),
        }
    }
}
