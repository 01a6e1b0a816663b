//! Bytes on a stream behind the message that announces them: packed when it pays, held to the length
//! that was announced.

mod pack;
mod unpack;

pub use self::pack::{Packed, SendError, pack};
pub use self::unpack::{Unpacker, Wrong};
