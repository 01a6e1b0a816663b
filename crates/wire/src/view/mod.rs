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

/// Variables that a job of files may bring: what of a user's environment a compiler's result may depend on, and that
/// cannot do more than that. `DEPENDENCIES_OUTPUT` and its like name files to write.
pub const VARIABLES: [&str; 17] = [
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "OBJC_INCLUDE_PATH",
    "SOURCE_DATE_EPOCH",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "TZ",
    "COLUMNS",
    "GCC_COLORS",
    "TERM",
    "COLORTERM",
    "GCC_URLS",
    "TERM_URLS",
];

/// The most bytes that entries told together may have, unpacked.
pub const MOST_TOGETHER: usize = 64 << 20;
