//! Real compilers, real chroots, Debian's own icecream. What a machine lacks is skipped, and said so.
#![allow(clippy::unwrap_used)] // helpers of tests are no tests to clippy

mod chroot;
mod disk;
mod identity;
mod interop;
mod prefix;
mod support;
