//! The memory of other hosts' compiles: what they will need, which may start, which has to go.
//!
//! Pure: bytes and events in, decisions out. The kernel's own remedy, killing something, is to
//! stay unused: it takes what it likes and comes when the whole host has stood still for a while.

mod budget;
mod history;
#[cfg(test)]
mod tests;

pub use budget::{Budget, Excess};
pub use history::{History, Likeness};

/// The least that all compiles together are given, however full this host is: with less not even a
/// C file compiles, and a host that is really full takes no compiles at all.
pub const LEAST: u64 = 512 << 20;
