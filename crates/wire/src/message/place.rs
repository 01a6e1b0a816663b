//! Executors for an agent's jobs, asked for ahead of need. One stream for each kind of job that an
//! agent has, open as long as it has such jobs.

use job::{Digest, Platform};

use super::compile::{Refusal, Usage};
use super::schedulers::Address;
use crate::define::{messages, parts};
use crate::field::{Line, List};
use crate::grant::SignedGrant;
use crate::make::choices;
use crate::name::{Count, GrantNumber, Micros, Niceness, Size};

choices! {
    /// What became of one job under a grant.
    Ending {
        /// none of the others
        Other = 0;
        /// a whole result came, whatever the compiler's exit code
        Done = 1;
        /// the executor refused
        Refused = 2;
        /// the executor could not be reached
        Unreachable = 3;
        /// the connection broke, or no answer came in time
        Lost = 4;
        /// the executor broke the protocol or sent a wrong result
        Broken = 5;
        /// the build did not want it any more
        Cancelled = 6;
    } else Other
}

choices! {
    /// Why there is no grant.
    Lack {
        /// see the text
        Other = 0;
        /// no host that is logged in could ever take such a job
        NoHost = 1;
        /// those that could take no work just now: their owner, memory or disk does not allow it
        NobodyWilling = 2;
        /// the daemon of the agent's host is not logged in
        NotLoggedIn = 3;
        /// this scheduler's signature would not be believed
        Unsigned = 4;
        /// the member has as much open as anybody may have
        TooMuch = 5;
    } else Other
}

parts! {
    /// A toolchain that would do.
    Toolset {
        /// Its manifest.
        1 (bytes = "vec") toolchain: Digest;
        /// Where its tools run.
        2 (string) platform: Platform;
    }

    /// A grant, and what is known of its executor.
    Placed {
        /// The grant.
        1 (message, required) grant: SignedGrant;
        /// Where to reach the executor, best first.
        2 (message, repeated) addresses: List<Address, 16>;
        /// It has the toolchain already.
        3 (bool) has_toolchain: bool;
        /// Where the tools run that it is to use: one of those that were offered.
        4 (string) platform: Platform;
    }
}

messages! {
    /// So many grants are wanted. A later one on the same stream replaces count and memory, and says the rest again.
    Want = 32, "agent → scheduler, opens a stream, and again on it" {
        /// How many, those included that were granted and not yet reported or given back.
        1 (uint32) count: Count;
        /// With which toolchains, one for each platform.
        2 (message, repeated) offers: List<Toolset, 32>;
        /// What a job is likely to need of memory, if that is known. With a gibibyte or more the host that has the most is wanted.
        3 (uint64, optional) memory: Option<Size>;
        /// How nice the jobs are: others go first.
        4 (uint32) niceness: Niceness;
        /// The name or address of the only host that will do; empty for any.
        5 (string) preferred: Line<256>;
    }

    /// Grants, when there are some; none are promised.
    Grants = 33, "scheduler → agent" {
        /// The grants.
        1 (message, repeated) grants: List<Placed, 256>;
    }

    /// Nothing can be granted for now. The stream stays, and grants may come later.
    NoGrants = 34, "scheduler → agent" {
        /// Why, for people.
        1 (string) text: Line<400>;
        /// Whether any host could ever run it; if not, waiting is useless.
        2 (bool) possible: bool;
        /// The same as text, for programs.
        3 (uint32) reason: Lack;
    }

    /// Grants that will not be used.
    GiveBack = 35, "agent → scheduler" {
        /// Their numbers.
        1 (uint64, repeated) grants: List<GrantNumber, 1024>;
    }

    /// What became of one job.
    Report = 36, "agent → scheduler" {
        /// Under which grant.
        1 (uint64) grant: GrantNumber;
        /// How it ended.
        2 (uint32) ending: Ending;
        /// Why the executor refused, if it did.
        3 (uint32, optional) refusal: Option<Refusal>;
        /// What it used, as the executor says.
        4 (message, optional) usage: Option<Usage>;
        /// From the first byte sent to the last received.
        5 (uint64) total_us: Micros;
        /// Bytes of input as sent.
        6 (uint64) sent: Size;
        /// Bytes of outputs as received.
        7 (uint64) received: Size;
    }

    /// How is the cluster?
    Look = 40, "member → scheduler, or a user → the daemon of its host, opens a stream" {}

    /// What icecream's control port says to that. The data is text: the greeting, the hosts and the jobs, with a
    /// zero byte between them.
    Overview = 41, "scheduler → member, or daemon → user, the last on its stream; data follows" {
        /// The length of the data.
        1 (uint64) size: Size;
    }
}

impl Want {
    /// Jobs that need so many bytes are given to the host that has the most: it is more than a compiler
    /// usually takes, and less than small hosts have.
    pub const MUCH_MEMORY: u64 = 1 << 30;
}
