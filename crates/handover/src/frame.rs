//! One message, one frame: a little-endian u32 length and that many bytes of protobuf.
//!
//! [`read`] and [`write`] block and are for the wrapper; the agent uses [`encode`], [`body_length`]
//! and [`decode`] around its own asynchronous reads.

use std::io::{self, Read, Write};

use crate::MAX_FRAME;

/// What went wrong with a frame. Whatever it is, the conversation is over: the wrapper becomes the
/// compiler, the agent forgets the wrapper.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("the other side closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("a frame of {0} bytes is longer than the {MAX_FRAME} allowed")]
    TooLong(usize),
    #[error("the frame is not a message: {0}")]
    Garbage(#[from] prost::DecodeError),
}

/// The whole frame of `message`.
pub fn encode(message: &impl prost::Message) -> Result<Vec<u8>, FrameError> {
    let length = message.encoded_len();
    if length > MAX_FRAME {
        return Err(FrameError::TooLong(length));
    }
    let mut frame = Vec::with_capacity(4 + length);
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    message.encode_raw(&mut frame);
    Ok(frame)
}

/// The length of the body that follows `prefix`.
pub fn body_length(prefix: [u8; 4]) -> Result<usize, FrameError> {
    let length = u32::from_le_bytes(prefix) as usize;
    if length > MAX_FRAME {
        Err(FrameError::TooLong(length))
    } else {
        Ok(length)
    }
}

/// Reads a body as a message.
pub fn decode<M: prost::Message + Default>(body: &[u8]) -> Result<M, FrameError> {
    Ok(M::decode(body)?)
}

/// Writes one frame.
pub fn write(to: &mut impl Write, message: &impl prost::Message) -> Result<(), FrameError> {
    Ok(to.write_all(&encode(message)?)?)
}

/// Reads one frame. Memory grows with what really arrives, not with what the length promises.
pub fn read<M: prost::Message + Default>(from: &mut impl Read) -> Result<M, FrameError> {
    let mut prefix = [0; 4];
    from.read_exact(&mut prefix).map_err(closed)?;
    let length = body_length(prefix)?;
    let mut body = Vec::new();
    from.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(FrameError::Closed);
    }
    decode(&body)
}

fn closed(error: io::Error) -> FrameError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => FrameError::Closed,
        _ => FrameError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Finished, Reply};

    fn reply() -> Reply {
        Reply {
            answer: Some(Answer::Finished(Finished {
                stdout: b"out\0\xff".to_vec(),
                stderr: Vec::new(),
                exit_code: -3,
            })),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut wire = Vec::new();
        write(&mut wire, &reply()).unwrap();
        assert_eq!(read::<Reply>(&mut wire.as_slice()).unwrap(), reply());
    }

    #[test]
    fn every_cut_is_an_end_and_no_message() {
        let wire = encode(&reply()).unwrap();
        for cut in 0..wire.len() {
            assert!(
                matches!(read::<Reply>(&mut &wire[..cut]), Err(FrameError::Closed)),
                "{cut}"
            );
        }
    }

    #[test]
    fn garbage_and_giants_are_refused() {
        assert!(matches!(
            read::<Reply>(&mut [0xff; 64].as_slice()),
            Err(FrameError::TooLong(_))
        ));
        let mut wire = 4u32.to_le_bytes().to_vec();
        wire.extend([0xff; 4]);
        assert!(matches!(
            read::<Reply>(&mut wire.as_slice()),
            Err(FrameError::Garbage(_))
        ));
    }
}
