//! icecream's wire protocol, versions 42 to 44, without sockets and without a clock.
//!
//! [`Session`] is fed bytes and hands out [`Message`]s; it encodes messages for the version that
//! the handshake agreed on. [`chunk`] packs and unpacks what FILE_CHUNK carries, [`discovery`]
//! builds and reads the UDP datagrams, [`monitor`] the text that monitors are sent.
//!
//! "Protocol notes" in comments are this project's own description of icecream's protocol, made by
//! watching releases 1.4.0 (43) and git (44).

mod body;
pub mod chunk;
mod codec;
pub mod discovery;
mod error;
pub mod frame;
#[doc(hidden)]
pub mod fuzz;
mod handshake;
mod input;
mod kind;
mod message;
pub mod monitor;
mod session;
mod version;

pub use chunk::ChunkError;
pub use error::{Fault, HandshakeError, Malformed, ProtocolError};
pub use frame::Reading;
pub use handshake::{Agreement, Handshake, Step};
pub use kind::MessageKind;
pub use message::*;
pub use session::{Decoder, Encoder, Session};
pub use version::Version;

/// The longest frame, type included and length word not, and the most that one chunk may unpack to.
pub const MAX_FRAME: usize = 1 << 20;
