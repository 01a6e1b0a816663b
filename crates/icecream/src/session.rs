//! One end of a channel as a state machine: bytes in, messages out, and the reverse.
//!
//! The owner of the socket moves bytes: what it reads goes into [`Session::space`] (or
//! [`Session::feed`]), what [`Session::output`] holds goes out. Once the handshake is over,
//! [`Session::into_parts`] gives the two directions to two owners.

use crate::error::ProtocolError;
use crate::frame::{self, Reading};
use crate::handshake::{Agreement, Handshake, Step};
use crate::input::Input;
use crate::message::Message;
use crate::{MAX_FRAME, Version};

/// A channel's end, handshake included.
#[derive(Debug)]
pub struct Session {
    handshake: Handshake,
    agreement: Option<Agreement>,
    decoder: Decoder,
    encoder: Encoder,
}

impl Session {
    /// A new end that speaks up to `own`; its first word is already in the output.
    pub fn new(own: Version, reading: Reading) -> Self {
        let handshake = Handshake::new(own);
        Self {
            handshake,
            agreement: None,
            decoder: Decoder {
                input: Input::default(),
                version: own,
                reading,
                failed: None,
            },
            encoder: Encoder {
                output: handshake.opening().to_vec(),
                sent: 0,
                version: own,
            },
        }
    }

    /// Whether the handshake is over.
    pub fn is_ready(&self) -> bool {
        self.agreement.is_some()
    }

    /// What both ends agreed on.
    pub fn agreement(&self) -> Option<Agreement> {
        self.agreement
    }

    /// The agreed version.
    pub fn version(&self) -> Option<Version> {
        self.agreement.map(|agreement| agreement.version)
    }

    /// The highest version the peer can speak.
    pub fn peer_maximum(&self) -> Option<u32> {
        self.agreement.map(|agreement| agreement.peer_maximum)
    }

    /// Room for the next read; say with [`Self::filled`] how much was read.
    pub fn space(&mut self) -> &mut [u8] {
        self.decoder.space()
    }

    /// The first `count` bytes of [`Self::space`] have arrived.
    pub fn filled(&mut self, count: usize) {
        self.decoder.filled(count);
    }

    /// Copies arrived bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
    }

    /// Goes on with the handshake as far as the arrived bytes allow; true when it is over.
    pub fn shake(&mut self) -> Result<bool, ProtocolError> {
        while self.agreement.is_none() {
            if let Some(error) = self.decoder.failed {
                return Err(error);
            }
            let Some(word) = self.decoder.input.bytes().first_chunk().copied() else {
                return Ok(false);
            };
            self.decoder.input.consume(4);
            match self.handshake.word(word) {
                Ok(Step::Answer(word)) => self.encoder.output.extend_from_slice(&word),
                Ok(Step::Agreed(agreement)) => {
                    self.agreement = Some(agreement);
                    self.decoder.version = agreement.version;
                    self.encoder.version = agreement.version;
                }
                Err(error) => self.decoder.failed = Some(error.into()),
            }
        }
        Ok(true)
    }

    /// The next whole message, if one has arrived. After an error, the same error for ever.
    pub fn next_message(&mut self) -> Result<Option<Message>, ProtocolError> {
        if !self.shake()? {
            return Ok(None);
        }
        self.decoder.next_message()
    }

    /// Appends a message to the output.
    pub fn encode(&mut self, message: &Message) -> Result<(), ProtocolError> {
        if self.agreement.is_none() {
            return Err(ProtocolError::NotReady(message.kind()));
        }
        self.encoder.encode(message)
    }

    /// What waits to be sent.
    pub fn output(&self) -> &[u8] {
        self.encoder.output()
    }

    /// The first `count` bytes of [`Self::output`] are sent.
    pub fn sent(&mut self, count: usize) {
        self.encoder.sent(count);
    }

    /// Takes all that waits to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.encoder.take_output()
    }

    /// Whether bytes are waiting that do not make a whole message yet.
    pub fn is_midway(&self) -> bool {
        self.decoder.is_midway()
    }

    /// The two directions, once the handshake is over.
    pub fn into_parts(self) -> Option<(Agreement, Decoder, Encoder)> {
        Some((self.agreement?, self.decoder, self.encoder))
    }
}

/// The receiving direction after the handshake.
#[derive(Debug)]
pub struct Decoder {
    input: Input,
    version: Version,
    reading: Reading,
    failed: Option<ProtocolError>,
}

impl Decoder {
    /// A decoder without a handshake before it.
    pub fn new(version: Version, reading: Reading) -> Self {
        Self {
            input: Input::default(),
            version,
            reading,
            failed: None,
        }
    }

    /// Room for the next read.
    pub fn space(&mut self) -> &mut [u8] {
        self.input.space(MAX_FRAME)
    }

    /// The first `count` bytes of [`Self::space`] have arrived.
    pub fn filled(&mut self, count: usize) {
        self.input.filled(count);
    }

    /// Copies arrived bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.feed(bytes);
    }

    /// The next whole message, if one has arrived. After an error, the same error for ever.
    pub fn next_message(&mut self) -> Result<Option<Message>, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let message = self.read_frame();
        self.failed = message.as_ref().err().copied();
        message
    }

    fn read_frame(&mut self) -> Result<Option<Message>, ProtocolError> {
        let Some((word, rest)) = self.input.bytes().split_first_chunk() else {
            return Ok(None);
        };
        let word = u32::from_be_bytes(*word);
        let length = match usize::try_from(word) {
            Ok(length) if length <= MAX_FRAME => length,
            _ => return Err(ProtocolError::FrameTooLong(word)),
        };
        if length < 4 {
            return Err(ProtocolError::FrameTooShort(word));
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let message = frame::decode(frame, self.version, self.reading)?;
        self.input.consume(4 + length);
        Ok(Some(message))
    }

    /// Whether bytes are waiting that do not make a whole message yet.
    pub fn is_midway(&self) -> bool {
        !self.input.bytes().is_empty()
    }

    /// What the receive buffer has allocated.
    pub fn allocated(&self) -> usize {
        self.input.allocated()
    }
}

/// The sending direction after the handshake.
#[derive(Debug)]
pub struct Encoder {
    output: Vec<u8>,
    sent: usize,
    version: Version,
}

/// An output buffer that grew beyond this is given back once it is empty.
const LARGE_OUTPUT: usize = 256 * 1024;

impl Encoder {
    /// An encoder without a handshake before it.
    pub fn new(version: Version) -> Self {
        Self {
            output: Vec::new(),
            sent: 0,
            version,
        }
    }

    /// Appends a message to the output.
    pub fn encode(&mut self, message: &Message) -> Result<(), ProtocolError> {
        frame::encode(message, self.version, &mut self.output)
    }

    /// What waits to be sent.
    pub fn output(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// The first `count` bytes of [`Self::output`] are sent.
    pub fn sent(&mut self, count: usize) {
        self.sent = self.output.len().min(self.sent + count);
        if self.sent == self.output.len() {
            self.sent = 0;
            if self.output.capacity() > LARGE_OUTPUT {
                self.output = Vec::new();
            } else {
                self.output.clear();
            }
        }
    }

    /// Takes all that waits to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = std::mem::take(&mut self.output);
        output.drain(..std::mem::take(&mut self.sent));
        output
    }
}
