//! Floe's own job path: agents that are members hold streams open here, say how many grants they want ahead
//! of need, and get signed ones.
//!
//! [`Ledger`] is the policy: it keeps so many requests alive in `placement` as is fair, knows what became of
//! each grant, and says what is to be told to whom. It has no socket and no clock. Around it, [`link`] serves
//! one connection, [`stream`] one stream of wants, and [`sign`] turns a placement into a grant.

mod account;
mod feed;
mod ledger;
pub(crate) mod link;
mod overview;
mod revoked;
pub(crate) mod sign;
mod stream;
mod words;

pub(crate) use ledger::Ledger;
pub(crate) use words::{Input, Reply, Said, StreamKey, Why};

#[cfg(test)]
mod tests;
