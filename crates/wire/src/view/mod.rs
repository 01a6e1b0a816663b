//! The entries of a view, as the data behind [`Entries`](crate::message::Entries), and what jobs say of them.
//!
//! An entry is one thing at one place of the submit host, told once and called by its number from then
//! on. Places are physical: no component of a path is a symbolic link, since a link is an entry of its own.

mod entry;
mod ids;
mod path;
mod read;
mod write;

pub use entry::{Body, Entry, EntryId, Modified, What, digest};
pub use ids::Ids;
pub use path::EntryPath;
pub use read::{BadEntries, Told, read};
pub use write::Batch;

/// The most bytes that entries told together may have, unpacked.
pub const MOST_TOGETHER: usize = 64 << 20;
