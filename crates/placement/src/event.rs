//! What happens to the cluster, and what the cluster wants done.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use job::{ClientId, HostId, JobId, NodeName, Platform};

use crate::{Toolchain, Wants};

/// A moment, as the time since some fixed moment. The adapter takes it from a monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

impl Time {
    /// How long ago `earlier` was; zero when it was not.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Something that happened. Events of hosts that are not, or no longer, logged in change nothing.
#[derive(Clone, Debug)]
pub enum Event {
    Login {
        host: HostId,
        login: Login,
    },
    /// A re-announcement: the full new list of received toolchains.
    Toolchains {
        host: HostId,
        toolchains: Vec<Toolchain>,
    },
    Load {
        host: HostId,
        load: Load,
    },
    /// Whether the host's port for compile requests could be reached.
    Probed {
        host: HostId,
        reachable: bool,
    },
    /// The connection is gone.
    Lost {
        host: HostId,
    },
    Requested {
        host: HostId,
        request: Request,
    },
    /// A job has come to its executor and waits there for a slot.
    Waits {
        host: HostId,
        job: JobId,
    },
    Began {
        host: HostId,
        begin: Begin,
    },
    Ended {
        host: HostId,
        report: Report,
    },
    LocalBegan {
        host: HostId,
        local: LocalBegin,
    },
    LocalEnded {
        host: HostId,
        client: ClientId,
    },
    /// `host`'s client found that `toolchain` does not work on the host at `address`.
    Distrusted {
        host: HostId,
        address: IpAddr,
        toolchain: Toolchain,
    },
    /// Disconnect the hosts with this name or address.
    Remove {
        name: String,
    },
    /// Disconnect them, and refuse them from now on.
    Block {
        name: String,
    },
    Unblock {
        name: String,
    },
    /// Disconnect everybody: a better scheduler has announced itself.
    Yield,
    /// Time has passed. To be sent when [`crate::Cluster::deadline`] is reached.
    Tick,
}

/// Who a host is in a cluster that has members: its certificate says so, not the host itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(pub [u8; 16]);

/// What a daemon says of itself when it logs in.
#[derive(Clone, Debug)]
pub struct Login {
    pub name: NodeName,
    pub address: IpAddr,
    /// TCP port for compile requests; 0 for none.
    pub port: u16,
    pub slots: u32,
    pub platform: Platform,
    pub chroot_possible: bool,
    pub no_remote: bool,
    pub features: u32,
    /// The highest protocol version that the daemon speaks.
    pub version: u32,
    pub toolchains: Vec<Toolchain>,
    /// None for hosts that are no members of anything.
    pub member: Option<Member>,
}

/// A daemon's load report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// 0 to 1000; 1000 asks for no work.
    pub load: u32,
    /// Load averages times 1000.
    pub average_1: u32,
    pub average_5: u32,
    pub average_15: u32,
    /// MiB.
    pub free_memory: u32,
}

/// A client's wish for one or several hosts.
#[derive(Clone, Debug)]
pub struct Request {
    pub client: ClientId,
    pub wants: Wants,
    /// For display.
    pub file: Arc<[u8]>,
    /// For display: 0 C, 1 C++, 2 Objective-C, 3 Objective-C++, 4 other.
    pub language: u32,
    /// How many answers are wanted.
    pub count: u32,
    /// Optimisation and debug options as bits; they weigh the job's size in speed statistics.
    pub arg_flags: u32,
    pub niceness: u32,
    /// How many clients the daemon has.
    pub client_count: u32,
}

/// A job starts to compile.
#[derive(Clone, Copy, Debug)]
pub struct Begin {
    pub job: JobId,
    /// Unix seconds by the compiling host's clock, for display.
    pub start_time: u32,
    pub client_count: u32,
}

/// A job ended.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// The job's number or, with `by_client`, that of the client that asked for it.
    pub number: u32,
    /// The number is a client's: it went away before a host was found.
    pub by_client: bool,
    /// Said by the host that asked for the job, not by the one that compiled it.
    pub from_submitter: bool,
    pub figures: Figures,
    pub client_count: u32,
}

/// What a job cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub exit_code: i32,
    pub real_msec: u32,
    pub user_msec: u32,
    pub sys_msec: u32,
    pub page_faults: u32,
    pub in_compressed: u32,
    pub in_uncompressed: u32,
    pub out_compressed: u32,
    pub out_uncompressed: u32,
}

/// A job that needs no host starts where it came from.
#[derive(Clone, Debug)]
pub struct LocalBegin {
    pub client: ClientId,
    /// The output, for display.
    pub file: Arc<[u8]>,
    pub start_time: u32,
    /// It takes all slots of its host.
    pub full: bool,
}

/// What the adapter has to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Tell the submitter where to compile.
    Assign(Assignment),
    /// Close the host's connection. The cluster has forgotten it already.
    Disconnect { host: HostId, why: Dismissal },
    /// Nothing to do, but monitors and logs may want to know.
    Notice(Notice),
}

/// One job gets its place.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub job: JobId,
    pub submitter: HostId,
    pub client: ClientId,
    pub place: Place,
    /// It was asked for by [`crate::Cluster::wanted`]. With a place at home it is over already.
    pub native: bool,
}

/// Where a job is to be compiled.
#[derive(Clone, Debug)]
pub enum Place {
    /// On the host that asked.
    Home(WhyHome),
    /// On another host.
    Host {
        host: HostId,
        address: IpAddr,
        port: u16,
        /// The platform of the offered toolchain that the host can use.
        platform: Platform,
        has_toolchain: bool,
    },
}

/// Why a job goes back to its submitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyHome {
    /// It was the best choice.
    Best,
    /// Every other host is busy and the submitter has a slot.
    OthersBusy,
    /// The hosts that could take it refuse work, and have for some time.
    NobodyWilling,
    /// No host will ever be able to take it.
    NoSuitableHost,
    /// The submitter has requests of too many different kinds waiting.
    TooManyKinds,
}

/// Why a host is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dismissal {
    /// The same node logged in again; a member perhaps from another address.
    Replaced {
        from: Option<IpAddr>,
    },
    Blocked,
    Removed,
    /// It did not finish an installation in time.
    InstallTimeout(Duration),
    /// It reported the end of a job that belongs to another host.
    NotItsJob(JobId),
    TooManyJobs(usize),
    Yielded,
}

impl fmt::Display for Dismissal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced { from: None } => out.write_str("the same node has logged in again"),
            Self::Replaced {
                from: Some(address),
            } => write!(
                out,
                "the same member has logged in from {address}; if that is another host, one of the two is a copy \
                 of the other's disk and has to become a member of its own (`floe join LINE` there says how)"
            ),
            Self::Blocked => out.write_str("it is blocked; `unblockcs` lets it in again"),
            Self::Removed => out.write_str("it was removed at the control port"),
            Self::InstallTimeout(limit) => {
                write!(
                    out,
                    "it was busy installing for more than {} s",
                    limit.as_secs()
                )
            }
            Self::NotItsJob(job) => {
                write!(
                    out,
                    "it reported the end of job {job}, which belongs to another host"
                )
            }
            Self::TooManyJobs(limit) => write!(out, "it has more than {limit} open jobs"),
            Self::Yielded => out.write_str("a better scheduler has announced itself"),
        }
    }
}

/// Something that monitors show.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A host logged in.
    HostJoined {
        host: HostId,
    },
    /// A host reported its load.
    HostLoad {
        host: HostId,
    },
    HostGone {
        host: HostId,
    },
    /// A job waits for a host.
    Queued {
        job: JobId,
        submitter: HostId,
        language: u32,
        file: Arc<[u8]>,
    },
    /// It has come to its executor, which has no slot free just now.
    Waits {
        job: JobId,
    },
    Began {
        job: JobId,
        host: HostId,
        start_time: u32,
    },
    Ended {
        job: JobId,
        figures: Figures,
        from_submitter: bool,
        by_client: bool,
        client_count: u32,
    },
    LocalBegan {
        job: JobId,
        host: HostId,
        start_time: u32,
        file: Arc<[u8]>,
        full: bool,
    },
    LocalEnded {
        job: JobId,
    },
    /// A report named a job that the reporting host does not run; it was ignored.
    NotItsBegin {
        job: JobId,
        host: HostId,
    },
}
