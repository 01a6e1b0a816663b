//! One message in one frame: a length, a type, the body; not a byte more or less.

use crate::body::Body;
use crate::codec::{Reader, Writer};
use crate::error::{Malformed, ProtocolError};
use crate::kind::MessageKind;
use crate::message::Message;
use crate::{MAX_FRAME, Version};

/// Who reads a frame. A scheduler of icecream's git sends two monitor messages under the numbers of
/// two others (71 for MON_GET_CS, 77 for MON_JOB_DONE); only a monitor can know which is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    #[default]
    Strict,
    Monitor,
}

/// Appends `message` as one frame. On an error `out` is as it was.
pub fn encode(message: &Message, version: Version, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
    let start = out.len();
    let kind = message.kind();
    if let Message::FileChunk(chunk) = message {
        out.reserve(chunk.data.len() + 20);
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind.number().to_be_bytes());
    put_body(message, &mut Writer::new(out, version));
    let length = out.len() - start - 4;
    match u32::try_from(length) {
        Ok(word) if length <= MAX_FRAME => {
            out[start..start + 4].copy_from_slice(&word.to_be_bytes());
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(ProtocolError::OwnFrameTooLong { kind, length })
        }
    }
}

/// Reads what follows the length word of a frame.
pub fn decode(frame: &[u8], version: Version, reading: Reading) -> Result<Message, ProtocolError> {
    let Some((number, body)) = frame.split_first_chunk() else {
        return Err(ProtocolError::FrameTooShort(
            u32::try_from(frame.len()).unwrap_or(u32::MAX),
        ));
    };
    let number = u32::from_be_bytes(*number);
    let mut kind = MessageKind::from_number(number).ok_or(ProtocolError::UnknownKind(number))?;
    if reading == Reading::Monitor {
        kind = match kind {
            MessageKind::GetCs => MessageKind::MonGetCs,
            MessageKind::JobDone => MessageKind::MonJobDone,
            other => other,
        };
    }
    let mut reader = Reader::new(body, version);
    take_body(kind, &mut reader)
        .and_then(|message| reader.finish().map(|()| message))
        .map_err(|why| ProtocolError::Malformed { kind, why })
}

fn put_body(message: &Message, to: &mut Writer<'_>) {
    match message {
        Message::BlacklistHostEnv(body) => body.put(to),
        Message::CompileFile(body) => body.put(to),
        Message::CompileResult(body) => body.put(to),
        Message::CsConf(body) => body.put(to),
        Message::FileChunk(body) => body.put(to),
        Message::GetCs(body) => body.put(to),
        Message::GetNativeEnv(body) => body.put(to),
        Message::JobBegin(body) => body.put(to),
        Message::JobDone(body) | Message::MonJobDone(body) => body.put(to),
        Message::JobLocalBegin(body) => body.put(to),
        Message::JobLocalDone(body) => body.put(to),
        Message::Login(body) => body.put(to),
        Message::MonGetCs(body) => body.put(to),
        Message::MonJobBegin(body) => body.put(to),
        Message::MonLocalJobBegin(body) => body.put(to),
        Message::MonStats(body) => body.put(to),
        Message::NativeEnv(body) => body.put(to),
        Message::NoCs(body) => body.put(to),
        Message::Stats(body) => body.put(to),
        Message::StatusText(body) => body.put(to),
        Message::TransferEnv(body) => body.put(to),
        Message::UseCs(body) => body.put(to),
        Message::VerifyEnv(body) => body.put(to),
        Message::VerifyEnvResult(body) => body.put(to),
        Message::End | Message::GetInternals | Message::MonLogin | Message::Ping => {}
    }
}

fn take_body(kind: MessageKind, from: &mut Reader<'_>) -> Result<Message, Malformed> {
    Ok(match kind {
        MessageKind::BlacklistHostEnv => Message::BlacklistHostEnv(Body::take(from)?),
        MessageKind::CompileFile => Message::CompileFile(Body::take(from)?),
        MessageKind::CompileResult => Message::CompileResult(Body::take(from)?),
        MessageKind::CsConf => Message::CsConf(Body::take(from)?),
        MessageKind::End => Message::End,
        MessageKind::FileChunk => Message::FileChunk(Body::take(from)?),
        MessageKind::GetCs => Message::GetCs(Body::take(from)?),
        MessageKind::GetInternals => Message::GetInternals,
        MessageKind::GetNativeEnv => Message::GetNativeEnv(Body::take(from)?),
        MessageKind::JobBegin => Message::JobBegin(Body::take(from)?),
        MessageKind::JobDone => Message::JobDone(Body::take(from)?),
        MessageKind::JobLocalBegin => Message::JobLocalBegin(Body::take(from)?),
        MessageKind::JobLocalDone => Message::JobLocalDone(Body::take(from)?),
        MessageKind::Login => Message::Login(Body::take(from)?),
        MessageKind::MonGetCs => Message::MonGetCs(Body::take(from)?),
        MessageKind::MonJobBegin => Message::MonJobBegin(Body::take(from)?),
        MessageKind::MonJobDone => Message::MonJobDone(Body::take(from)?),
        MessageKind::MonLocalJobBegin => Message::MonLocalJobBegin(Body::take(from)?),
        MessageKind::MonLogin => Message::MonLogin,
        MessageKind::MonStats => Message::MonStats(Body::take(from)?),
        MessageKind::NativeEnv => Message::NativeEnv(Body::take(from)?),
        MessageKind::NoCs => Message::NoCs(Body::take(from)?),
        MessageKind::Ping => Message::Ping,
        MessageKind::Stats => Message::Stats(Body::take(from)?),
        MessageKind::StatusText => Message::StatusText(Body::take(from)?),
        MessageKind::TransferEnv => Message::TransferEnv(Body::take(from)?),
        MessageKind::UseCs => Message::UseCs(Body::take(from)?),
        MessageKind::VerifyEnv => Message::VerifyEnv(Body::take(from)?),
        MessageKind::VerifyEnvResult => Message::VerifyEnvResult(Body::take(from)?),
    })
}
