//! The store from outside: what is on the disk after anything that can happen to it.

#![allow(clippy::unwrap_used)] // helpers of tests are no tests to clippy

mod basics;
mod crash;
mod disk;
mod doubt;
mod locks;
mod quota;
mod support;
