//! The per-user process behind all wrappers of that user.
//!
//! It reads the user's files, prepares what travels, talks to the cluster and writes the results,
//! all with the user's own rights. One task owns its state ([`hub`]); every wrapper has a
//! conversation ([`door`]) that carries its job ([`job`]) to the end.

mod burden;
mod cluster;
mod door;
mod excerpt;
mod hub;
mod inputs;
mod job;
mod outputs;
mod pace;
mod shared;
mod start;
mod state;
mod survey;
mod text;
mod toolbox;

pub use start::{AgentError, Config, run};
pub use survey::{Command, NotSurveyed, Survey, Surveyed};
pub use toolbox::{trials, try_toolchain};
