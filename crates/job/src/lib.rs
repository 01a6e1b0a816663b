//! The vocabulary that every room shares: ids, names that come from peers, phases, reasons and the
//! record of a job.
//!
//! Nothing here opens a file, reads a clock or knows a protocol.

pub mod answer;
pub mod digest;
pub mod id;
pub mod member;
pub mod name;
pub mod platform;
pub mod reason;
pub mod record;
pub mod role;
pub mod trouble;
pub mod variable;

pub use answer::HANDED_BACK;
pub use digest::Digest;
pub use id::{ClientId, HostId, JobId};
pub use member::MemberId;
pub use name::{EnvironmentName, InvalidName, NodeName};
pub use platform::Platform;
pub use reason::Reason;
pub use record::{Compiled, Input, JobRecord, Phase};
pub use role::Role;
pub use trouble::Trouble;
