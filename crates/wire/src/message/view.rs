//! What the jobs of a member see of its files. The agent opens a stream with [`View`] and tells entries on
//! it, each once; jobs then name those that they need by number ([`JobInputs`]).

use job::Digest;

use super::compile::{Packing, Refusal};
use crate::define::{messages, parts};
use crate::field::{Exactly, Line, List};
use crate::name::{Argument, Count, Size, ViewNumber};
use crate::view::Ids;

parts! {
    /// The files that a job reads.
    JobInputs {
        /// Of which view of this connection.
        1 (uint64) view: ViewNumber;
        /// So many Entries and Gone must have come on the view's stream before; the job waits for them.
        2 (uint32) after: Count;
        /// Numbers of entries: the first, and then the distance of each from the one before, each as a varint.
        3 (bytes = "vec") entries: Ids;
        /// BLAKE3 of these entries: for each its number as a varint and its key, in their order.
        4 (bytes = "vec") digest: Digest;
        /// Variables for the compiler, as NAME=value. Only those that are allowed are.
        5 (bytes = "vec", repeated) environment: List<Argument, 32>;
        /// Standard error is to be a terminal, of the kind and width that the variables say. Executors offer it.
        6 (bool) terminal: bool;
    }
}

messages! {
    /// Entries are told on this stream, for the jobs of this connection that name the view.
    View = 24, "agent → executor, opens a stream; Entries and Gone follow" {
        /// Its number, once on a connection.
        1 (uint64) number: ViewNumber;
        /// The toolchain's manifest: its files are in the view.
        2 (bytes = "vec") toolchain: Digest;
        /// What stands in the place of files that are there and were not sent. Nobody can guess it.
        3 (bytes = "vec") marker: Exactly<16>;
    }

    /// The data up to the next message is entries.
    Entries = 25, "agent → executor; data follows" {
        /// How many.
        1 (uint32) count: Count;
        /// The length of the data, unpacked: at most 64 MiB.
        2 (uint64) size: Size;
        /// How the data is packed.
        3 (uint32) packing: Packing;
    }

    /// At these places is something else now, or nothing: later jobs do not see them.
    Gone = 26, "agent → executor" {
        /// Numbers of entries, as in a job's inputs.
        1 (bytes = "vec") entries: Ids;
    }

    /// The view is over: jobs that name it are refused.
    ViewLost = 27, "executor → agent, the last on its stream" {
        /// Why.
        1 (uint32) reason: Refusal;
        /// The same for people.
        2 (string) text: Line<400>;
    }
}
