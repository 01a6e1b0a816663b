//! Sockets and clock around `placement`: the scheduler as a program.
//!
//! One task owns the [`core::Core`] (the cluster, who is connected, who watches) and waits in one
//! place, in [`serve`]; one synchronous function applies what happened. Around it stand small
//! tasks that own nothing but their socket: one reads each connection, one writes each, some
//! shake hands, probe ports, answer UDP and talk at the control port. A peer that stops reading
//! fills its own queue and is dropped; a peer that talks nonsense loses its own connection.
//!
//! Agents that are members hold streams of floe's own protocol and want grants ahead of need: [`native`] asks
//! `placement` for them, so that their jobs and icecream's stand in one queue, and signs what it gets.
//!
//! Ports, times and texts are icecream's, so that its
//! daemons, monitors and scripts work unchanged. Log lines that scripts look for keep its wording.

mod config;
mod connection;
mod control;
mod core;
mod discovery;
mod election;
mod error;
mod monitor;
mod native;
mod outbox;
mod probe;
mod seats;
mod serve;
mod translate;
mod vigil;

pub use config::Config;
pub use error::SchedulerError;
pub use placement::{Algorithm, UnknownAlgorithm};
pub use serve::{Bound, bind, run};
