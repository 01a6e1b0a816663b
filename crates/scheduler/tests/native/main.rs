//! Members' own job path over real sockets: agents want grants, and the scheduler signs them.

// Helpers of tests may unwrap like the tests themselves.
#![allow(clippy::unwrap_used)]

mod attacks;
mod ends;
mod frames;
mod grants;
mod idle;
mod rig;
#[path = "../../../transport/tests/support/mod.rs"]
mod support;
