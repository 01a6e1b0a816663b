//! One connection, handshake done, as a stream of messages in both directions.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use icecream::{Agreement, Decoder, Encoder, Message, Reading, Session, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use crate::error::TransportError;
use crate::halves::{Link, Receiver, SLOW_WRITE, Sender, Sent};
use crate::options::set_tcp_options;
use crate::pin;
use crate::stream::{Endpoint, ReadHalf, Stream, WriteHalf};

/// How soon a full queue of connections is tried again.
const FULL_QUEUE: Duration = Duration::from_millis(5);

/// How a channel behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The highest version announced.
    pub maximum: Version,
    /// Whether this end is a monitor.
    pub reading: Reading,
    /// `ICECC_SLOW_NETWORK`: writes of at most 10 KiB.
    pub slow_network: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            maximum: Version::MAX,
            reading: Reading::Strict,
            slow_network: false,
        }
    }
}

/// A connection that carries icecream's messages.
#[derive(Debug)]
pub struct Channel {
    receiver: Receiver,
    sender: Sender,
}

impl Channel {
    /// Connects to a TCP address, from the address `bind` if given. The deadline is for the
    /// connection and the handshake together.
    pub async fn connect_tcp(
        address: SocketAddr,
        deadline: Duration,
        bind: Option<IpAddr>,
    ) -> Result<Self, TransportError> {
        Self::connect_tcp_with(address, deadline, bind, Options::default()).await
    }

    /// [`Self::connect_tcp`] with options.
    pub async fn connect_tcp_with(
        address: SocketAddr,
        deadline: Duration,
        bind: Option<IpAddr>,
        options: Options,
    ) -> Result<Self, TransportError> {
        let began = Instant::now();
        let stream = connect_tcp_stream(address, deadline, bind).await?;
        Self::establish(
            stream.into(),
            Endpoint::tcp(address),
            deadline.saturating_sub(began.elapsed()),
            options,
        )
        .await
    }

    /// Connects to a Unix socket. The deadline is for the connection and the handshake together.
    pub async fn connect_unix(path: &Path, deadline: Duration) -> Result<Self, TransportError> {
        Self::connect_unix_with(path, deadline, Options::default()).await
    }

    /// [`Self::connect_unix`] with options.
    pub async fn connect_unix_with(
        path: &Path,
        deadline: Duration,
        options: Options,
    ) -> Result<Self, TransportError> {
        let peer = Endpoint::Unix(Some(path.to_owned()));
        let began = Instant::now();
        let stream = connect_within(deadline, &peer, connect_patiently(path)).await?;
        Self::establish(
            stream.into(),
            peer,
            deadline.saturating_sub(began.elapsed()),
            options,
        )
        .await
    }

    /// Shakes hands on a stream that was accepted (or connected elsewhere).
    pub async fn accept(
        stream: impl Into<Stream>,
        deadline: Duration,
    ) -> Result<Self, TransportError> {
        Self::accept_with(stream, deadline, Options::default()).await
    }

    /// [`Self::accept`] with options.
    pub async fn accept_with(
        stream: impl Into<Stream>,
        deadline: Duration,
        options: Options,
    ) -> Result<Self, TransportError> {
        let stream = stream.into();
        let peer = stream.peer();
        Self::establish(stream, peer, deadline, options).await
    }

    async fn establish(
        stream: Stream,
        peer: Endpoint,
        deadline: Duration,
        options: Options,
    ) -> Result<Self, TransportError> {
        if let Some(tcp) = stream.tcp() {
            set_tcp_options(tcp);
        }
        let (local, peer_uid) = (stream.local(), stream.peer_uid());
        let (mut read, mut write) = stream.into_halves();
        let session = Session::new(options.maximum, options.reading);
        let shaking = shake_hands(&mut read, &mut write, session, &peer);
        let Ok(shaken) = timeout(deadline, shaking).await else {
            return Err(TransportError::HandshakeTimeout {
                peer,
                after: deadline,
            });
        };
        let (agreement, decoder, encoder) = shaken?;
        let link = Arc::new(Link {
            peer,
            local,
            peer_uid,
            agreement,
        });
        let limit = if options.slow_network {
            SLOW_WRITE
        } else {
            usize::MAX
        };
        Ok(Self {
            receiver: Receiver {
                io: read,
                decoder,
                link: Arc::clone(&link),
            },
            sender: Sender {
                io: write,
                encoder,
                limit,
                link,
                sent: Sent::default(),
            },
        })
    }

    /// The next message; None when the peer has closed the connection between two messages.
    /// Dropping the wait loses nothing.
    pub async fn receive(&mut self) -> Result<Option<Message>, TransportError> {
        self.receiver.receive().await
    }

    /// Sends one message, and what was fed before it.
    pub async fn send(&mut self, message: &Message) -> Result<(), TransportError> {
        self.sender.send(message).await
    }

    /// Appends a message to what the next [`Self::flush`] sends.
    pub fn feed(&mut self, message: &Message) -> Result<(), TransportError> {
        self.sender.feed(message)
    }

    /// Sends what was fed. Dropping the wait keeps what is not sent yet.
    pub async fn flush(&mut self) -> Result<(), TransportError> {
        self.sender.flush().await
    }

    /// Whether the connection stands and the peer has said nothing yet, as far as this host knows.
    pub fn is_quiet(&mut self) -> bool {
        self.receiver.is_quiet()
    }

    /// The two directions, for two owners.
    pub fn split(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }

    /// The two directions, borrowed, to wait for both at once.
    pub fn halves(&mut self) -> (&mut Receiver, &mut Sender) {
        (&mut self.receiver, &mut self.sender)
    }

    /// What was sent so far.
    pub fn sent(&self) -> Sent {
        self.sender.sent()
    }

    pub fn version(&self) -> Version {
        self.sender.version()
    }

    /// The highest version the peer can speak.
    pub fn peer_maximum(&self) -> u32 {
        self.sender.peer_maximum()
    }

    pub fn peer_addr(&self) -> &Endpoint {
        self.sender.peer_addr()
    }

    pub fn local_addr(&self) -> &Endpoint {
        self.sender.local_addr()
    }

    /// The user at the other end of a Unix stream.
    pub fn peer_uid(&self) -> Option<u32> {
        self.sender.link.peer_uid
    }
}

/// A Unix socket whose queue of connections is full refuses at once instead of letting us wait.
async fn connect_patiently(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(FULL_QUEUE).await,
            other => return other,
        }
    }
}

/// A connection without a word said. With `bind` it comes from that address of this host.
pub async fn connect_tcp_stream(
    address: SocketAddr,
    deadline: Duration,
    bind: Option<IpAddr>,
) -> Result<TcpStream, TransportError> {
    let connecting = async {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if let Some(device) = pin::device_for(address.ip())? {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        // A host has addresses of both kinds, and one option names one of them.
        if let Some(own) = bind.filter(|own| own.is_ipv4() == address.is_ipv4()) {
            socket.bind(SocketAddr::new(own, 0))?;
        }
        socket.connect(address).await
    };
    connect_within(deadline, &Endpoint::tcp(address), connecting).await
}

async fn connect_within<T>(
    deadline: Duration,
    peer: &Endpoint,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, TransportError> {
    match timeout(deadline, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(source)) => Err(TransportError::Connect {
            peer: peer.clone(),
            source,
        }),
        Err(_) => Err(TransportError::ConnectTimeout {
            peer: peer.clone(),
            after: deadline,
        }),
    }
}

async fn shake_hands(
    read: &mut ReadHalf,
    write: &mut WriteHalf,
    mut session: Session,
    peer: &Endpoint,
) -> Result<(Agreement, Decoder, Encoder), TransportError> {
    let mut heard = false;
    loop {
        let output = session.take_output();
        let written = write_all(write, &output).await;
        if session.is_ready() {
            written.map_err(|source| broken_handshake(peer, heard, source))?;
            break;
        }
        // Who cannot be written to may have said why before it left: a failure shows again below.
        let count = read.read(session.space()).await;
        match count.map_err(|source| broken_handshake(peer, heard, source))? {
            0 if heard => {
                let peer = peer.clone();
                return Err(TransportError::Closed {
                    peer,
                    during: "the handshake",
                });
            }
            0 => return Err(TransportError::Probe { peer: peer.clone() }),
            count => session.filled(count),
        }
        heard = true;
        let shaken = session.shake();
        shaken.map_err(|source| TransportError::Protocol {
            peer: peer.clone(),
            source,
        })?;
    }
    session.into_parts().ok_or_else(|| TransportError::Closed {
        peer: peer.clone(),
        during: "the handshake",
    })
}

async fn write_all(write: &mut WriteHalf, output: &[u8]) -> io::Result<()> {
    write.write_all(output).await?;
    write.flush().await
}

/// A probe that is closed with our word unread looks like a reset.
fn broken_handshake(peer: &Endpoint, heard: bool, source: io::Error) -> TransportError {
    let peer = peer.clone();
    match source.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe if !heard => {
            TransportError::Probe { peer }
        }
        _ => TransportError::Broken {
            peer,
            doing: "shaking hands",
            source,
        },
    }
}
