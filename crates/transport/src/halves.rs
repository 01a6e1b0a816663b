//! The two directions of a channel, each with one owner.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use icecream::{Agreement, Decoder, Encoder, Message, ProtocolError, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout};

use crate::error::TransportError;
use crate::stream::{Endpoint, ReadHalf, WriteHalf};

/// A peer that takes no byte for this long is given up.
const SEND_PROGRESS: Duration = Duration::from_secs(30);
/// The most that one write carries under `ICECC_SLOW_NETWORK`.
pub(crate) const SLOW_WRITE: usize = 10 * 1024;

/// What both halves know of their connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: Endpoint,
    pub(crate) local: Endpoint,
    pub(crate) peer_uid: Option<u32>,
    pub(crate) agreement: Agreement,
}

/// The receiving direction of a channel.
#[derive(Debug)]
pub struct Receiver {
    pub(crate) io: ReadHalf,
    pub(crate) decoder: Decoder,
    pub(crate) link: Arc<Link>,
}

impl Receiver {
    /// The next message; None when the peer has closed the connection between two messages.
    /// Dropping the wait loses nothing.
    pub async fn receive(&mut self) -> Result<Option<Message>, TransportError> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            match self.io.read(self.decoder.space()).await {
                Ok(0) if self.decoder.is_midway() => {
                    return Err(TransportError::Closed {
                        peer: self.link.peer.clone(),
                        during: "a message",
                    });
                }
                Ok(0) => return Ok(None),
                Ok(count) => self.decoder.filled(count),
                Err(source) => {
                    let peer = self.link.peer.clone();
                    return Err(TransportError::Broken {
                        peer,
                        doing: "receiving",
                        source,
                    });
                }
            }
        }
    }

    /// The next message of those that have arrived already, without reading more.
    pub fn buffered(&mut self) -> Result<Option<Message>, TransportError> {
        self.decoder
            .next_message()
            .map_err(|source| TransportError::Protocol {
                peer: self.link.peer.clone(),
                source,
            })
    }

    /// Whether the connection stands and the peer has said nothing yet, as far as this host knows.
    pub fn is_quiet(&mut self) -> bool {
        if self.decoder.is_midway() {
            return false;
        }
        let mut nobody = Context::from_waker(Waker::noop());
        let mut space = ReadBuf::new(self.decoder.space());
        let read = Pin::new(&mut self.io).poll_read(&mut nobody, &mut space);
        let count = space.filled().len();
        self.decoder.filled(count);
        read.is_pending()
    }

    pub fn version(&self) -> Version {
        self.link.agreement.version
    }

    /// The highest version the peer can speak.
    pub fn peer_maximum(&self) -> u32 {
        self.link.agreement.peer_maximum
    }

    pub fn peer_addr(&self) -> &Endpoint {
        &self.link.peer
    }

    pub fn local_addr(&self) -> &Endpoint {
        &self.link.local
    }
}

/// What was sent, and how long it waited until the kernel took it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub bytes: u64,
    pub waited: Duration,
}

/// The sending direction of a channel. Dropping it ends the direction (the peer sees the end of the
/// stream), whatever becomes of the receiving one.
#[derive(Debug)]
pub struct Sender {
    pub(crate) io: WriteHalf,
    pub(crate) encoder: Encoder,
    pub(crate) limit: usize,
    pub(crate) link: Arc<Link>,
    pub(crate) sent: Sent,
}

impl Sender {
    /// Sends one message, and what was fed before it.
    pub async fn send(&mut self, message: &Message) -> Result<(), TransportError> {
        self.feed(message)?;
        self.flush().await
    }

    /// Appends a message to what the next flush sends.
    pub fn feed(&mut self, message: &Message) -> Result<(), TransportError> {
        self.encoder
            .encode(message)
            .map_err(|source: ProtocolError| TransportError::Protocol {
                peer: self.link.peer.clone(),
                source,
            })
    }

    /// Sends what was fed. Dropping the wait keeps what is not sent yet.
    pub async fn flush(&mut self) -> Result<(), TransportError> {
        while !self.try_flush()? {
            let output = self.encoder.output();
            let piece = &output[..output.len().min(self.limit)];
            let began = Instant::now();
            let writing = async {
                if piece.is_empty() {
                    self.io.flush().await.map(|()| None)
                } else {
                    self.io.write(piece).await.map(Some)
                }
            };
            let Ok(written) = timeout(SEND_PROGRESS, writing).await else {
                let peer = self.link.peer.clone();
                return Err(TransportError::Stalled {
                    peer,
                    after: SEND_PROGRESS,
                });
            };
            self.sent.waited += began.elapsed();
            if let Some(written) = written.transpose() {
                self.wrote(written)?;
            }
        }
        Ok(())
    }

    /// Sends as much of what was fed as the kernel takes at once; true when nothing is left. For an
    /// owner that must not wait; the deadline on progress is then its own affair.
    pub fn try_flush(&mut self) -> Result<bool, TransportError> {
        let mut nobody = Context::from_waker(Waker::noop());
        loop {
            let output = self.encoder.output();
            if output.is_empty() {
                // TLS keeps records of its own that the kernel has not taken yet.
                return match Pin::new(&mut self.io).poll_flush(&mut nobody) {
                    Poll::Pending => Ok(false),
                    Poll::Ready(flushed) => {
                        flushed.map_err(|error| self.broken(error))?;
                        Ok(true)
                    }
                };
            }
            let piece = &output[..output.len().min(self.limit)];
            let Poll::Ready(written) = Pin::new(&mut self.io).poll_write(&mut nobody, piece) else {
                return Ok(false);
            };
            self.wrote(written)?;
        }
    }

    fn wrote(&mut self, written: io::Result<usize>) -> Result<(), TransportError> {
        let written = match written {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            other => other,
        };
        match written {
            Ok(count) => {
                self.encoder.sent(count);
                self.sent.bytes += count as u64;
                Ok(())
            }
            Err(source) => Err(self.broken(source)),
        }
    }

    fn broken(&self, source: io::Error) -> TransportError {
        TransportError::Broken {
            peer: self.link.peer.clone(),
            doing: "sending",
            source,
        }
    }

    /// Sends what was fed and ends this direction: the peer sees the end of the stream, and the
    /// last message is not lost to a reset when the receiving direction is dropped later.
    pub async fn finish(&mut self) -> Result<(), TransportError> {
        self.flush().await?;
        let ended = self.io.shutdown().await;
        ended.map_err(|source| TransportError::Broken {
            peer: self.link.peer.clone(),
            doing: "ending",
            source,
        })
    }

    /// What was sent so far.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// How many bytes are fed and not sent.
    pub fn pending(&self) -> usize {
        self.encoder.output().len()
    }

    pub fn version(&self) -> Version {
        self.link.agreement.version
    }

    /// The highest version the peer can speak.
    pub fn peer_maximum(&self) -> u32 {
        self.link.agreement.peer_maximum
    }

    pub fn peer_addr(&self) -> &Endpoint {
        &self.link.peer
    }

    pub fn local_addr(&self) -> &Endpoint {
        &self.link.local
    }
}
