//! The vocabulary that every room shares: ids, names that come from peers, phases, reasons and the
//! record of a job.
//!
//! Nothing here opens a file, reads a clock or knows a protocol.

pub mod digest;
pub mod id;
pub mod name;
pub mod platform;
pub mod reason;
pub mod record;
pub mod variable;

/// What an executor says in place of diagnostics when its owner needs it: the compile had nothing
/// wrong, and another host takes it. Its result is marked "out of memory", after which every other
/// client compiles by itself.
pub const HANDED_BACK: &str = "the owner of this executor needs it now";

pub use digest::Digest;
pub use id::{ClientId, HostId, JobId};
pub use name::{EnvironmentName, InvalidName, NodeName};
pub use platform::Platform;
pub use reason::Reason;
pub use record::{Compiled, JobRecord, Phase};
