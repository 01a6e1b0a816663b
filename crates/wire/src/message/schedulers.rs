//! Which scheduler is in charge. A daemon's line to it speaks icecream's protocol inside TLS, in every cluster.

use job::MemberId;

use crate::define::{messages, parts};
use crate::field::{Line, List};
use crate::name::{HostText, Port};

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
    /// Which scheduler is the one to log in at. As an answer to a Want or a Look it is another one.
    Elected = 50, "scheduler → daemon, agent or monitor, the last on its stream; answer to WhoSchedules" {
        /// Which.
        1 (bytes = "vec") scheduler: MemberId;
        /// Where to reach it; nowhere else if it is the one that was asked.
        2 (message, repeated) addresses: List<Address, 16>;
        /// Why it is that one.
        3 (string) why: Line<200>;
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
