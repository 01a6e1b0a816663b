//! Toolchains by content: the manifest first, then the files that are missing, each on a stream of
//! its own, from whoever has them. A file that was cut off goes on where it was.

use job::{Digest, MemberId, Platform};

use super::compile::{Packing, Retry};
use super::schedulers::Address;
use crate::define::messages;
use crate::field::{Line, List};
use crate::name::{Count, Size};

messages! {
    /// The sender has this toolchain and wants to use it there.
    Offer = 64, "agent → executor, opens a stream" {
        /// The digest of the manifest.
        1 (bytes = "vec") manifest: Digest;
        /// The manifest's length.
        2 (uint64) manifest_size: Size;
        /// How many files it names.
        3 (uint32) files: Count;
        /// Their length together.
        4 (uint64) total: Size;
        /// Where its programs run; the executor's own platform if it is not said.
        5 (string, optional) platform: Option<Platform>;
    }

    /// The manifest is to be sent.
    ManifestWanted = 65, "executor → agent" {}

    /// The data up to the next message or the end is the manifest.
    Manifest = 66, "holder → asker; data follows" {
        /// The digest of the data, unpacked.
        1 (bytes = "vec") manifest: Digest;
        /// Its length, unpacked.
        2 (uint64) size: Size;
        /// How the data is packed.
        3 (uint32) packing: Packing;
    }

    /// These files are to be sent, each on a stream that Blob opens.
    Missing = 67, "executor → agent" {
        /// Digests of files that the manifest names.
        1 (bytes = "vec", repeated) files: List<Digest, 16384>;
        /// More such messages follow.
        2 (bool) more: bool;
        /// How much of each is there already, in the same order; none if nothing of any.
        3 (uint64, repeated) have: List<Size, 16384>;
    }

    /// The data up to the end is a file, or its rest.
    Blob = 68, "holder → asker, opens a stream or answers FetchBlob; data follows" {
        /// The manifest that names it.
        1 (bytes = "vec") manifest: Digest;
        /// The digest of the whole file.
        2 (bytes = "vec") file: Digest;
        /// Where the data begins in the file, unpacked.
        3 (uint64) offset: Size;
        /// The length of the whole file.
        4 (uint64) size: Size;
        /// How the data is packed.
        5 (uint32) packing: Packing;
    }

    /// A file is wanted, from an offset on.
    FetchBlob = 70, "executor → holder, opens a stream" {
        /// The manifest that names it: nothing else of the holder can be asked for.
        1 (bytes = "vec") manifest: Digest;
        /// The digest of the whole file.
        2 (bytes = "vec") file: Digest;
        /// What is there already.
        3 (uint64) offset: Size;
        /// The packings in which it may come; unpacked is always allowed.
        4 (uint32, repeated) accepted: List<Packing, 16>;
    }

    /// How far it is, for people who wait.
    Progress = 71, "executor → agent" {
        /// Bytes of the toolchain that are there.
        1 (uint64) have: Size;
        /// Bytes that it has.
        2 (uint64) total: Size;
    }

    /// The toolchain is whole, was compared with its manifest, and can be used.
    Verified = 72, "executor → agent, the last on its stream" {
        /// Which.
        1 (bytes = "vec") manifest: Digest;
    }

    /// What was asked for is not done: toolchains and membership alike.
    Denied = 75, "whoever was asked, the last on its stream" {
        /// Why, for people.
        1 (string) text: Line<400>;
        /// Whether another try may help, and where.
        2 (uint32) retry: Retry;
        /// A word for programs, which stays; empty if there is none.
        3 (string) code: Line<40>;
    }

    /// Behind the manifest. So many bytes of data follow: for each file of the manifest, in its order,
    /// the 32 bytes of a BLAKE3 digest, keyed with the file's secret, of the sender's member number. The secret is the digest of
    /// the file in the context `floe possession 1`, which only those can know who have the file. Files that are proved so
    /// and are there need not be sent.
    Possession = 76, "agent → executor; data follows" {
        /// The length of the data.
        1 (uint64) size: Size;
    }

    /// These files are there now, whole and compared with their digests.
    Arrived = 77, "executor → agent" {
        /// Digests of files that the manifest names.
        1 (bytes = "vec", repeated) files: List<Digest, 16384>;
    }

    /// These missing files are not sent: they are to be fetched from another executor. What cannot be had there
    /// is asked for with Missing again.
    Elsewhere = 78, "agent → executor, on an offer's stream" {
        /// The manifest that names them.
        1 (bytes = "vec") manifest: Digest;
        /// Digests of files that are there.
        2 (bytes = "vec", repeated) files: List<Digest, 16384>;
        /// Who has them.
        3 (bytes = "vec") holder: MemberId;
        /// Where it is reached, best first.
        4 (message, repeated) addresses: List<Address, 16>;
    }

    /// These members may fetch what the sender has brought there, or has proved to have. Answered by Done.
    Share = 79, "agent → executor, opens a stream" {
        /// The manifest whose files are meant.
        1 (bytes = "vec") manifest: Digest;
        /// Who may fetch them.
        2 (bytes = "vec", repeated) members: List<MemberId, 256>;
    }
}
