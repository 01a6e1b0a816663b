//! The per-host process: arbitrates this host's slots, executes other hosts' jobs, keeps the line to the scheduler.
//!
//! [`prepare`] binds the sockets and gives up root; then the caller forks the sandbox's zygote,
//! starts a runtime and calls [`run`].

pub mod claim;
mod compile;
pub mod config;
pub mod core;
mod credentials;
mod desk;
mod error;
pub mod executor;
mod guard;
pub mod lending;
mod link;
mod listen;
pub mod load;
pub mod memory;
mod native;
mod natives;
mod openness;
pub mod owner;
mod proved;
mod run;
mod session;
mod shop;
mod sockets;
pub mod status;
mod supply;
mod toolchains;
mod views;
mod wire;

pub use config::{Config, Find, SCHEDULER_PORT};
pub use error::DaemonError;
pub use guard::Recheck;
pub use openness::Openness;
pub use run::{run, run_and_say};
pub use sockets::{Sockets, prepare, prepare_with, usual_account};
