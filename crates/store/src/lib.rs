//! Content-addressed files on disk, bounded, crash-safe.
//!
//! A [`Store`] keeps files by their BLAKE3 digest, and trees built from them by hard links, below a
//! directory of its own, within a limit that counts disk blocks and holds while something is being
//! written: room is reserved first, and what was not used for longest gives way, never what somebody
//! holds a lease on.
//!
//! Whatever a killed process left behind is usable, because each thing becomes visible by one
//! `rename(2)` and disappears by one. What was on its way stands in `tmp`, which is emptied when the
//! store is opened. A failure of power is another matter: without a `sync` per file a complete name may
//! stand for incomplete bytes. So everything that was written before this boot of the machine is
//! verified before its first use.
//!
//! Calls that touch the disk block: [`Store::lease_tree`], the `Drop` of leases, and the figures do not.
//!
//! Layout, below `<base>/floe`:
//!
//! | name | what |
//! |---|---|
//! | `FLOE-STORE` | says what this directory is; a directory with something in it but not this is refused |
//! | `lock` | the number of the process that uses it, which holds a `flock(2)` of the directory |
//! | `boot` | the boot of the machine since which the rest is known to be whole |
//! | `objects/` | files by digest; an executable one has an `x` behind |
//! | `trees/`, `records/` | trees, and of what each consists |
//! | `doubt/` | objects and records of an earlier boot |
//! | `tmp/` | what is being written or removed |
//! | `scratch/` | for the owner's jobs; not counted, emptied when opened |

mod base;
mod boot;
mod clear;
mod entry;
mod error;
mod incoming;
mod lease;
mod ledger;
mod open;
mod place;
mod record;
mod room;
mod store;
mod tree;
mod verify;

pub use base::Base;
pub use clear::clear;
pub use entry::{Entry, Kind};
pub use error::{OpenError, StoreError};
pub use incoming::Incoming;
pub use lease::{ObjectLease, TreeLease};
pub use open::{Found, Options};
pub use store::{Lookup, Store, Usage};
