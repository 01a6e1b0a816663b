//! What the cases of the compliance suite share.
//!
//! The suite asks of Debian's icecream and of floe what icecream's own `tests/test.sh` asks of
//! icecream, by behaviour alone: exit codes, output, files, and the scheduler's own account of
//! which host ran what. No text of a log is read.

pub mod bed;
pub mod block;
pub mod case;
pub mod harness;
pub mod need;
pub mod outputs;
pub mod recorder;
pub mod watch;

pub use bed::Bed;
pub use case::{Case, Gap, Theme};
