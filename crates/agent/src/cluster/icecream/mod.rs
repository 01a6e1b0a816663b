//! icecream's way: GET_CS and slots from the daemon, one TCP conversation with the executor.

mod daemon;
mod executor;
mod install;
mod piece;
mod slot;
mod spare;
mod words;

use std::time::Duration;

use icecream::Message;
pub(crate) use icecream::chunk::Effort;
use job::Reason;
use tokio::time::timeout;
use transport::{Channel, TransportError};

pub(crate) use self::daemon::Daemon;
pub(crate) use self::executor::Seat;
pub(crate) use self::install::{Door, Installation, NotInstalled};
pub(crate) use self::piece::{PIECE_LEN, Piece};
pub(crate) use self::slot::Slot;
pub(crate) use self::spare::{Places, Spares};
pub(crate) use self::words::own_platform;

use super::Failure;

/// What went wrong between us and a peer.
fn reason_of(error: &TransportError) -> Reason {
    match error {
        TransportError::Protocol { .. } => Reason::PeerProtocol,
        TransportError::HandshakeTimeout { .. } | TransportError::Stalled { .. } => {
            Reason::PeerTimeout
        }
        TransportError::Connect { .. }
        | TransportError::ConnectTimeout { .. }
        | TransportError::Resolve { .. } => Reason::ConnectFailed,
        _ => Reason::PeerLost,
    }
}

fn broken(error: &TransportError) -> Failure {
    Failure::elsewhere(reason_of(error), error.to_string())
}

/// The next message within `limit`.
async fn next(channel: &mut Channel, limit: Duration, what: &str) -> Result<Message, Failure> {
    match timeout(limit, channel.receive()).await {
        Ok(Ok(Some(message))) => Ok(message),
        Ok(Ok(None)) => {
            let detail = format!(
                "{} closed the connection instead of {what}",
                channel.peer_addr()
            );
            Err(Failure::elsewhere(Reason::PeerLost, detail))
        }
        Ok(Err(error)) => Err(broken(&error)),
        Err(_) => {
            let detail = format!(
                "{}: {what} did not come within {limit:?}",
                channel.peer_addr()
            );
            Err(Failure::elsewhere(Reason::PeerTimeout, detail))
        }
    }
}
