//! A whole daemon between scripted peers: what it says to whom, when.
//!
//! Everything is on loopback. Where the kernel forbids sandboxes, the tests of foreign compiles
//! print SKIPPED.

#![allow(clippy::unwrap_used)]

mod abuse;
mod foreign;
mod local;
mod native;
mod rig;
mod start;
mod toolchains;
