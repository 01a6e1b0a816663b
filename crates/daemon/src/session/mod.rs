//! One client connection: reads what the client says, tells the desk, carries out its orders.
//!
//! A session waits for its own client only. What takes long (a compile, a toolchain that arrives)
//! is done here, not at the desk.

pub(crate) mod answer;
mod compile;
mod install;
mod native;

use std::convert::Infallible;
use std::time::Duration;

use icecream::{BlacklistHostEnv, CompileFile, GetCs, JobDone, Message, StatusText};
use job::JobId;
use membership::{Distrust, MemberId};
use tokio::time::timeout;
use transport::{Channel, LinkError, TransportError};

use crate::compile::Post;
use crate::core::{Peak, Refusal, Usage};
use crate::guard::Guard;
use crate::listen::{Arrival, Peer, Place, Ticket};
use crate::memory::Likeness;

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
    #[error("the daemon is being stopped")]
    Leaving,
    #[error("it did not take its object within {0:?}")]
    Slow(Duration),
    #[error("it was silent for {0:?}")]
    Silent(Duration),
    #[error("{0}")]
    Refused(String),
    #[error("it sent a message that has no place within a job")]
    OutOfPlace,
    /// What it sent is no text for a compiler.
    #[error("{0}")]
    BadInput(String),
    #[error("it may not go on: {0}")]
    Distrusted(#[from] Distrust),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Link(#[from] LinkError),
}

pub(crate) struct Session {
    post: Post,
    channel: Channel,
    peer: Peer,
    /// As whom it has shown itself.
    member: Option<MemberId>,
    guard: Guard,
    _ticket: Ticket,
}

impl Session {
    pub(crate) fn new(post: Post, arrival: Arrival) -> Self {
        let Arrival {
            channel,
            peer,
            guard,
            ticket,
        } = arrival;
        Self {
            post,
            channel,
            peer,
            member: guard.member(),
            guard,
            _ticket: ticket,
        }
    }

    /// Serves the client until it leaves or errs, or may not stay.
    pub(crate) async fn run(mut self) {
        let mut guard = std::mem::take(&mut self.guard);
        let end = tokio::select! {
            Err(end) = self.serve() => end,
            why = guard.distrusted() => End::Distrusted(why),
        };
        self.post.leave(&self.peer.shown, end).await;
    }

    async fn serve(&mut self) -> Result<Infallible, End> {
        loop {
            tokio::select! {
                order = self.post.orders.recv() => match order {
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
            Message::GetCs(wanted) => self.post.tell(Said::HostsWanted(Box::new(wanted))).await,
            Message::JobLocalBegin(begin) => {
                self.post
                    .tell(Said::LocalWanted {
                        outfile: begin.outfile,
                        full: begin.full,
                    })
                    .await;
            }
            Message::CompileFile(CompileFile { job_id, .. }) => {
                self.post.tell(Said::HomeBegun(JobId(job_id))).await;
            }
            Message::JobDone(done) => self.post.tell(Said::HomeDone(done)).await,
            Message::BlacklistHostEnv(blacklist) => {
                self.post.tell(Said::Blacklist(blacklist)).await;
            }
            Message::GetNativeEnv(wanted) if self.peer.place == Place::Here => {
                return self.native(wanted).await;
            }
            Message::GetInternals if self.peer.place == Place::Here => {
                self.post.tell(Said::StatusWanted).await;
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
