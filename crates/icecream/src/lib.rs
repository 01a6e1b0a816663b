//! icecream's wire protocol, versions 42 to 44, without sockets and without a clock.
//!
//! [`Session`] is fed bytes and hands out [`Message`]s; it encodes messages for the version that
//! the handshake agreed on. [`discovery`] builds and reads the UDP datagrams.

mod message;

pub use message::*;
