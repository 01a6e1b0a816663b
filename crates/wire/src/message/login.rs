//! A daemon's line to its scheduler: one stream, open as long as the connection.

use job::{Digest, MemberId, NodeName, Platform};

use crate::define::{messages, parts};
use crate::field::{Line, List, Opaque};
use crate::make::choices;
use crate::name::{Count, HostText, PerMille, Port, Size};

choices! {
    /// What a host or a member does in its cluster.
    Role {
        /// sends jobs
        Submit = 1;
        /// runs jobs of others
        Execute = 2;
        /// watches
        Monitor = 3;
        /// decides who is a member
        Admin = 4;
        /// decides which host runs which job
        Schedule = 5;
    }
}

parts! {
    /// Where a host can be reached.
    Address {
        /// A name or an IP address.
        1 (string) host: HostText;
        /// The TCP port.
        2 (uint32) port: Port;
    }

    /// A scheduler, as the authority heard of it.
    SchedulerPlace {
        /// Who.
        1 (bytes = "vec") id: MemberId;
        /// Where it is reached, best first.
        2 (message, repeated) addresses: List<Address, 16>;
    }
}

messages! {
    /// A daemon introduces its host.
    Login = 48, "daemon → scheduler, opens a stream" {
        /// The host's name.
        1 (string) name: NodeName;
        /// The platform, and others whose programs it runs.
        2 (string, repeated) platforms: List<Platform, 16>;
        /// Compilers of others that may run at once; 0 for a host that only submits.
        3 (uint32) slots: Count;
        /// Where others reach it, best first; none if only it can connect to others.
        4 (message, repeated) addresses: List<Address, 16>;
        /// What it does. The scheduler allows no more than its certificate does.
        5 (uint32, repeated) roles: List<Role, 16>;
        /// Bytes of memory for jobs of others.
        6 (uint64) memory: Size;
    }

    /// The host belongs to the cluster now.
    Welcome = 49, "scheduler → daemon" {
        /// The scheduler's host.
        1 (string) name: NodeName;
        /// Who signs its grants.
        2 (bytes = "vec") signer: MemberId;
        /// The signer's certificate and those above it, in DER.
        3 (bytes = "vec", repeated) chain: List<Opaque<8192>, 4>;
        /// How often Load is wanted when nothing changes.
        4 (uint32) load_every_ms: Count;
        /// The number of the list of revoked members that it has.
        5 (uint64) revoked_number: u64;
    }

    /// Which scheduler is the one to log in at. As an answer to a Want or a Look it is another one.
    Elected = 50, "scheduler → daemon, agent or monitor, the last on its stream; answer to WhoSchedules" {
        /// Which.
        1 (bytes = "vec") scheduler: MemberId;
        /// Where to reach it; nowhere else if it is the one that was asked.
        2 (message, repeated) addresses: List<Address, 16>;
        /// Why it is that one.
        3 (string) why: Line<200>;
    }

    /// How a host is.
    Load = 51, "daemon → scheduler" {
        /// Compilers of others that run.
        1 (uint32) running: Count;
        /// Jobs of others that wait.
        2 (uint32) queued: Count;
        /// Compilers of others that may run at once now; fewer than at login while its owner needs it.
        3 (uint32) slots: Count;
        /// How busy its processors are.
        4 (uint32) busy: PerMille;
        /// Bytes of memory free for jobs of others.
        5 (uint64) free_memory: Size;
        /// Why it takes no jobs, if so, for people.
        6 (string) text: Line<200>;
    }

    /// Which toolchains a host has, as a change to what it said before.
    Holds = 52, "daemon → scheduler" {
        /// What it said before is void.
        1 (bool) afresh: bool;
        /// Manifests of toolchains that are whole and verified.
        2 (bytes = "vec", repeated) added: List<Digest, 4096>;
        /// Manifests of toolchains that it has no more.
        3 (bytes = "vec", repeated) removed: List<Digest, 4096>;
    }

    /// Which scheduler is the one to log in at?
    WhoSchedules = 53, "member → scheduler, opens a stream" {
        /// An executor: where others reach it, best first, if not at the address from which it comes.
        1 (message, repeated) addresses: List<Address, 16>;
    }

    /// A scheduler that runs. Of those that reach each other the one that was started first is elected,
    /// of two that were started in the same millisecond the one with the lower id.
    Candidate = 54, "scheduler → scheduler, opens a stream; both ends, again and again" {
        /// When it was started, in milliseconds since 1970.
        1 (uint64) started_ms: u64;
        /// Where it listens, on the address from which it comes.
        2 (uint32) port: Port;
        /// Where it is reached besides, best first.
        3 (message, repeated) addresses: List<Address, 16>;
    }
}
