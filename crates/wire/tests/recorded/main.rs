//! Recorded sessions and the fuzzers' corpus.
#![allow(clippy::unwrap_used)] // in helpers too, a failure is a failed test

mod corpus;
mod schedulers;
mod sessions;
mod toolchains;
mod vectors;
mod views;
