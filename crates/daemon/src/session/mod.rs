//! One client connection: reads what the client says, tells the desk, carries out its orders.
//!
//! A session waits for its own client only. What takes long (a compile, a toolchain that arrives)
//! is done here, not at the desk.

mod answer;
mod compile;
mod install;
mod native;
mod source;
mod spool;

pub(crate) use source::Room;

use std::sync::Arc;
use std::time::Duration;

use icecream::{BlacklistHostEnv, CompileFile, GetCs, JobDone, Message, StatusText};
use job::{ClientId, JobId};
use tokio::sync::mpsc;
use tokio::time::timeout;
use transport::{Channel, TransportError};

use crate::core::{Peak, Refusal, Usage};
use crate::listen::{Arrival, Peer, Place, Ticket};
use crate::memory::Likeness;
use crate::shop::Shop;

/// Orders that a client has not taken yet; then it is given up.
pub(crate) const ORDERS: usize = 32;
/// How long another host's client may keep a connection without using it. icecream's client
/// connects before it queues for a preprocessor.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// What the desk hears from a session.
#[derive(Debug)]
pub(crate) enum Said {
    HostsWanted(Box<GetCs>),
    LocalWanted {
        outfile: Vec<u8>,
        full: bool,
    },
    HomeBegun(JobId),
    HomeDone(JobDone),
    Blacklist(BlacklistHostEnv),
    StatusWanted,
    CompileWanted(JobId, Likeness),
    /// What the running compile has in memory, in bytes.
    CompileUses(u64),
    CompilePeaked(Peak),
    /// Its memory is free, and it waits to start again.
    CompileEvicted,
    CompileRejected {
        job: JobId,
        usage: Usage,
    },
    CompileEnded(Usage),
    InstallBegan,
    InstallEnded,
    /// The list of toolchains is not what the scheduler was told.
    ToolchainsChanged,
    /// No compile can be started any more.
    SandboxLost,
    /// The session is over; nothing follows.
    Left {
        farewell: bool,
    },
}

/// What the desk wants of a session. An end of the orders ends the session.
#[derive(Debug)]
pub(crate) enum Order {
    Send(Message),
    /// With this limit, in bytes.
    StartCompile {
        memory: u64,
    },
    RefuseCompile(Refusal),
    /// Its memory is needed; with `again` it starts once more later.
    EvictCompile {
        again: bool,
    },
    /// The owner of this host needs it.
    HandBack,
}

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("it said good-bye")]
    Farewell,
    #[error("it closed the connection")]
    Closed,
    #[error("the daemon has no more use for it")]
    Dismissed,
    #[error("it did not take its object within {0:?}")]
    Slow(Duration),
    #[error("it was silent for {0:?}")]
    Silent(Duration),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

pub(crate) struct Session {
    id: ClientId,
    channel: Channel,
    peer: Peer,
    orders: mpsc::Receiver<Order>,
    desk: mpsc::Sender<(ClientId, Said)>,
    shop: Arc<Shop>,
    _ticket: Ticket,
}

impl Session {
    pub(crate) fn new(
        id: ClientId,
        arrival: Arrival,
        orders: mpsc::Receiver<Order>,
        desk: mpsc::Sender<(ClientId, Said)>,
        shop: Arc<Shop>,
    ) -> Self {
        let Arrival {
            channel,
            peer,
            ticket,
        } = arrival;
        Self {
            id,
            channel,
            peer,
            orders,
            desk,
            shop,
            _ticket: ticket,
        }
    }

    /// Serves the client until it leaves or errs.
    pub(crate) async fn run(mut self) {
        let Err(end) = self.serve().await;
        let who = (&self.peer.shown, self.id);
        match &end {
            End::Farewell
            | End::Closed
            | End::Dismissed
            | End::Transport(TransportError::Broken { .. }) => {
                tracing::debug!("client {} ({}) left: {end}", who.1, who.0);
            }
            _ => tracing::info!("client {} ({}) is dropped: {end}", who.1, who.0),
        }
        self.tell(Said::Left {
            farewell: matches!(end, End::Farewell),
        })
        .await;
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(Order::Send(message)) => self.channel.send(&message).await?,
                    // A compile's orders that came when it had ended already.
                    Some(
                        Order::StartCompile { .. }
                        | Order::RefuseCompile(_)
                        | Order::EvictCompile { .. }
                        | Order::HandBack,
                    ) => {}
                    None => return Err(End::Dismissed),
                },
                message = hear(&mut self.channel, self.peer.place) => {
                    self.answer(message?).await?;
                }
            }
        }
    }

    async fn answer(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::CompileFile(file) if file.env_version != "__client" => {
                return self.compile(file).await;
            }
            Message::TransferEnv(transfer) => return self.install(transfer).await,
            Message::VerifyEnv(verify) => return self.verify(verify).await,
            Message::End => return Err(End::Farewell),
            _ => {}
        }
        if !self.peer.place.may_submit() {
            return self.refuse("only clients of this host may ask that").await;
        }
        match message {
            Message::GetCs(wanted) => self.tell(Said::HostsWanted(Box::new(wanted))).await,
            Message::JobLocalBegin(begin) => {
                self.tell(Said::LocalWanted {
                    outfile: begin.outfile,
                    full: begin.full,
                })
                .await;
            }
            Message::CompileFile(CompileFile { job_id, .. }) => {
                self.tell(Said::HomeBegun(JobId(job_id))).await;
            }
            Message::JobDone(done) => self.tell(Said::HomeDone(done)).await,
            Message::BlacklistHostEnv(blacklist) => self.tell(Said::Blacklist(blacklist)).await,
            Message::GetNativeEnv(wanted) if self.peer.place == Place::Here => {
                return self.native(wanted).await;
            }
            Message::GetInternals if self.peer.place == Place::Here => {
                self.tell(Said::StatusWanted).await;
            }
            _ => {
                return self
                    .refuse("it sent a message that has no place here")
                    .await;
            }
        }
        Ok(())
    }

    /// icecream's answer to nonsense: END and a close.
    async fn refuse(&mut self, why: &str) -> Result<(), End> {
        // The client is dropped in any case.
        let _gone = self.channel.send(&Message::End).await;
        Err(End::Refused(why.to_owned()))
    }

    async fn send_text(&mut self, text: impl Into<String>) -> Result<(), End> {
        let message = Message::StatusText(StatusText { text: text.into() });
        Ok(self.channel.send(&message).await?)
    }

    async fn tell(&self, said: Said) {
        // Fails only when the daemon is ending.
        let _ending = self.desk.send((self.id, said)).await;
    }
}

/// The next message. A client of this host may be quiet for as long as its job takes: the kernel
/// tells when it dies.
async fn hear(channel: &mut Channel, place: Place) -> Result<Message, End> {
    let message = match place {
        Place::Here | Place::Loopback => channel.receive().await?,
        Place::Elsewhere => match timeout(IDLE, channel.receive()).await {
            Ok(message) => message?,
            Err(_) => return Err(End::Silent(IDLE)),
        },
    };
    message.ok_or(End::Closed)
}
