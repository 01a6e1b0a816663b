//! The per-host process: arbitrates this host's slots, executes other hosts' jobs, keeps the line to the scheduler.

pub mod config;
pub mod core;
pub mod load;
pub mod status;
