//! Conversations with wrappers and with `floe status`, one task each.

use std::sync::Arc;
use std::time::Duration;

use handover::{Answer, Ask, FrameError, Reply, Request, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tracing::debug;

use crate::job;
use crate::shared::Shared;
use crate::state::Event;

/// A wrapper sends its request at once; on a machine in distress it may take a while.
const REQUEST: Duration = Duration::from_secs(30);

/// How long a wrapper may leave its answer unread.
const REPLY: Duration = Duration::from_secs(30);

/// Tells the hub that a conversation is over, however it ends.
struct Leaving(Arc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.hub.tell(Event::Went);
    }
}

pub(crate) async fn converse(mut stream: UnixStream, shared: Arc<Shared>) {
    let _leaving = Leaving(Arc::clone(&shared));
    // The directory is the user's alone; this holds even if somebody changed that.
    if !stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == shared.uid)
    {
        debug!("refused a wrapper of another user");
        return;
    }
    let request = match timeout(REQUEST, receive(&mut stream)).await {
        Ok(Ok(request)) => request,
        Ok(Err(FrameError::Closed)) => return, // somebody looked whether an agent is there
        Ok(Err(error)) => return debug!("a wrapper sent no request: {error}"),
        Err(_) => return debug!("a wrapper sent no request within {REQUEST:?}"),
    };
    match request.ask {
        Some(Ask::Run(run)) => job::serve(stream, run, shared).await,
        Some(Ask::Status(_)) => {
            let Some(status) = shared.hub.status().await else {
                return;
            };
            let _ = send(
                &mut stream,
                &Reply {
                    answer: Some(Answer::Status(status)),
                },
            )
            .await;
        }
        Some(Ask::Stop(_)) => {
            shared.hub.tell(Event::StopAsked);
            let Some(status) = shared.hub.status().await else {
                return;
            };
            let _ = send(
                &mut stream,
                &Reply {
                    answer: Some(Answer::Status(status)),
                },
            )
            .await;
        }
        None => debug!("a wrapper of another release asks what this agent does not know"),
    }
}

async fn receive(stream: &mut UnixStream) -> Result<Request, FrameError> {
    let mut prefix = [0; 4];
    let read = stream.read_exact(&mut prefix).await;
    read.map_err(|_| FrameError::Closed)?;
    let length = frame::body_length(prefix)?;
    // Grows with what arrives, not with what was promised.
    let mut body = Vec::with_capacity(length.min(64 << 10));
    stream.take(length as u64).read_to_end(&mut body).await?;
    if body.len() < length {
        return Err(FrameError::Closed);
    }
    frame::decode(&body)
}

/// Sends one reply.
pub(crate) async fn send(stream: &mut UnixStream, reply: &Reply) -> Result<(), FrameError> {
    let bytes = frame::encode(reply)?;
    match timeout(REPLY, stream.write_all(&bytes)).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(FrameError::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// Waits until the wrapper hangs up. One that talks out of turn is treated as if it had.
pub(crate) async fn gone(stream: &UnixStream) {
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut [0]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}
