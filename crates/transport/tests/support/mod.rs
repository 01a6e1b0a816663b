//! What tests of several crates need of a hostile network.

pub(crate) mod flood;
