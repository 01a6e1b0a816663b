//! What the core is told and what it decides. Jobs, slots and hosts only: no sockets, and no
//! messages of any protocol.

use std::time::Duration;

use job::{ClientId, JobId, Reason};

use crate::load::{Lack, Pressure};
use crate::memory::Likeness;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client wants `count` hosts to compile on.
    HostsWanted {
        client: ClientId,
        count: u32,
        niceness: u32,
    },
    /// A client wants to run something here that the scheduler need not place.
    LocalWanted {
        client: ClientId,
        outfile: Vec<u8>,
        full: bool,
    },
    /// A client began the compile that was sent home to it.
    HomeBegun {
        client: ClientId,
        job: JobId,
    },
    /// A client ended the compile that was sent home to it.
    HomeDone {
        client: ClientId,
        job: JobId,
        usage: Usage,
    },
    /// Somebody wants a compile done here.
    CompileWanted {
        client: ClientId,
        job: JobId,
        like: Likeness,
    },
    /// A running compile has so many bytes of memory now.
    CompileUses {
        client: ClientId,
        bytes: u64,
    },
    /// The compiler ended, or was killed for having more than it may, and had this much at most.
    CompilePeaked {
        client: ClientId,
        peak: Peak,
    },
    /// A compile has made way as [`Action::EvictCompile`] wants it: its memory and slot are free.
    CompileEvicted {
        client: ClientId,
    },
    /// A compile was refused before it could wait for a slot.
    CompileRejected {
        job: JobId,
        usage: Usage,
    },
    /// A foreign compile ended, whatever its result: its slot is free.
    CompileEnded {
        client: ClientId,
        usage: Usage,
    },
    /// A toolchain began to arrive. It takes no slot: how long that lasts is its sender's business.
    InstallBegan {
        client: ClientId,
    },
    InstallEnded {
        client: ClientId,
    },
    /// A client's connection ended; `farewell` when it said that all went well.
    ClientLeft {
        client: ClientId,
        farewell: bool,
    },
    SchedulerFound,
    SchedulerLost,
    /// The scheduler placed a client's job on another host.
    Placed {
        client: ClientId,
        placement: Placement,
    },
    /// The scheduler sent a client's job back to this host, and perhaps said why.
    SentHome {
        client: ClientId,
        job: JobId,
        why: Option<Reason>,
    },
    /// A new load sample.
    Pressure(Pressure),
    /// Bytes of memory that this host has left.
    MemoryAvailable(u64),
    /// Running foreign compiles were stopped where they are, or go on.
    Frozen(bool),
    /// The owner wants this host back: running foreign compiles are to end.
    HandBack,
    /// This daemon is being stopped: no further foreign compile starts.
    Leaving,
    /// Time passed; see [`super::Core::deadline`].
    Tick,
}

/// What a compile had in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peak {
    Bytes(u64),
    /// More than all compiles may have.
    TooMuch,
}

/// Where a job of this host is to be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub job: JobId,
    pub host: String,
    pub port: u32,
    /// Which of the offered toolchains fits the host.
    pub platform: String,
    /// The host holds that toolchain already.
    pub has_toolchain: bool,
    /// A job that ran there before and resembles this one; informational.
    pub matched: JobId,
}

/// How a compile went, as schedulers and monitors are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub exit_code: i32,
    pub real_msec: u32,
    pub user_msec: u32,
    pub sys_msec: u32,
    pub page_faults: u32,
    pub in_compressed: u32,
    pub in_uncompressed: u32,
    pub out_bytes: u32,
}

impl Usage {
    /// Nothing is known but how it ended.
    pub fn failed(exit_code: i32) -> Self {
        Self {
            exit_code,
            ..Self::default()
        }
    }
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To the scheduler. Never decided while there is none.
    Report(Report),
    /// Hand the scheduler's placement to the client.
    Place {
        client: ClientId,
        placement: Placement,
    },
    /// A slot is free: the client may compile its job itself, now.
    CompileAtHome {
        client: ClientId,
        job: JobId,
        why: Option<Reason>,
    },
    /// A slot is free: the client may run its local job, now.
    StartLocal { client: ClientId, full: bool },
    /// A slot is free: run the foreign compile.
    StartCompile { client: ClientId },
    /// This host cannot take the compile in reasonable time: tell the client so.
    RefuseCompile { client: ClientId, why: Refusal },
    /// End the running compile, its memory is needed: with `again` it stays and is told to start
    /// later, otherwise its client is told that it is too large.
    EvictCompile { client: ClientId, again: bool },
    /// End the client's compile and give it back.
    HandBack { client: ClientId },
    /// The client asked for something that makes no sense in its state.
    Drop { client: ClientId, why: &'static str },
}

/// Why a compile is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// This host lacks something now.
    Full(Lack),
    /// It has needed more memory than this host gives.
    TooLarge,
    /// Other compiles have the memory that it needs, and keep it.
    Crowded,
    /// The daemon is being stopped.
    Leaving,
}

/// What the scheduler is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Forward the request that the client has just made.
    Request {
        client: ClientId,
        client_count: u32,
    },
    /// A job under a grant is here and waits for a slot.
    Waits {
        job: JobId,
        client_count: u32,
    },
    Begun {
        job: JobId,
        client_count: u32,
    },
    Done {
        job: JobId,
        usage: Usage,
        from: From,
        client_count: u32,
    },
    /// A request that no answer has come for is void.
    Withdrawn {
        client: ClientId,
        client_count: u32,
    },
    LocalBegun {
        client: ClientId,
        outfile: Vec<u8>,
        full: bool,
    },
    LocalDone {
        client: ClientId,
    },
}

/// In which role this host speaks of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Executor,
    Submitter,
}

/// icecream's numbers for how a job ended without a compiler's exit code.
pub mod code {
    /// The client was gone when its job was placed.
    pub const CLIENT_GONE: i32 = 107;
    /// The connection closed without a farewell.
    pub const CLOSED: i32 = 118;
    /// The client said farewell while its job was still waiting.
    pub const FAREWELL: i32 = 119;
    /// Out of memory, or the compiler died.
    pub const OUT_OF_MEMORY: i32 = 105;
    /// The toolchain, or its compiler, is missing.
    pub const NO_TOOLCHAIN: i32 = 110;
}

/// How long an accepted compile waits, with slots free, for the load to fall.
///
/// icecream lets it wait until its client gives up after twelve minutes. The scheduler chose this
/// host on its last figures: after a short wait a busy processor is no reason to break the promise,
/// and for full memory or disk a quick refusal is kinder.
pub const PRESSURE_PATIENCE: Duration = Duration::from_secs(5);

/// How long compiles wait, with slots free and none starting, for memory that others have.
pub const MEMORY_PATIENCE: Duration = Duration::from_secs(60);
