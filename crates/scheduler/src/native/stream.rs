//! One stream of wants: what it says is handed to the owner of the state, what that answers is sent.
//!
//! A stream never waits for the owner: what it said in the meantime is put together, so an agent that changes
//! its mind a thousand times costs one look at the last word.

use job::JobId;
use membership::UnixTime;
use tokio::sync::mpsc;
use transport::{Exchange, Incoming, LinkError};
use wire::ResetCode;
use wire::field::{Line, List};
use wire::message::{Grants, Message, NoGrants};

use super::words::{Input, Need, Reply, Said, StreamKey, Told, Why};
use crate::core;

/// Grants and reports that may wait for the owner of the state; until it has taken them nothing is read.
const MAX_UNSAID: usize = 4096;
/// Replies that may wait for the peer. Each has grants for all that was placed at a time.
pub(super) const MAX_REPLIES: usize = 64;
/// Grants in one message. Each takes some tens of microseconds to sign, and other tasks want to run.
const BATCH: usize = 32;

/// Why a stream ends before its time.
enum Stop {
    Link(LinkError),
    Reset(ResetCode),
    /// The scheduler stops, or has closed the stream.
    Closed,
}

impl From<LinkError> for Stop {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

pub(super) struct Stream {
    pub(super) key: StreamKey,
    pub(super) need: Need,
    pub(super) exchange: Exchange,
    pub(super) replies: mpsc::Receiver<Reply>,
    pub(super) inputs: mpsc::Sender<core::Input>,
    pub(super) unsaid: Said,
}

impl Stream {
    /// Serves until either end has enough.
    pub(super) async fn serve(mut self) {
        let peer = self.exchange.peer_addr().clone();
        let stop = self.talk().await;
        let ended = Input::Ended { stream: self.key };
        // A scheduler that stops needs to hear no more.
        let _gone = self.inputs.send(core::Input::Native(ended)).await;
        match stop {
            Ok(()) => {
                let _gone = self.exchange.finish().await;
            }
            Err(Stop::Reset(code)) => {
                tracing::warn!("{peer}: its wants are refused: {code}");
                self.exchange.reset(code);
            }
            Err(Stop::Link(error)) => tracing::debug!("{error}"),
            Err(Stop::Closed) => self.exchange.reset(ResetCode::GOING_AWAY),
        }
    }

    async fn talk(&mut self) -> Result<(), Stop> {
        let inputs = self.inputs.clone();
        loop {
            tokio::select! {
                permit = inputs.reserve(), if !self.unsaid.is_empty() => {
                    let Ok(permit) = permit else { return Err(Stop::Closed) };
                    let said = std::mem::take(&mut self.unsaid);
                    let stream = self.key;
                    permit.send(core::Input::Native(Input::Said { stream, said }));
                }
                incoming = self.exchange.next(), if self.unsaid.len() < MAX_UNSAID => {
                    match incoming? {
                        Some(incoming) => self.hear(incoming)?,
                        None => return Ok(()),
                    }
                }
                reply = self.replies.recv() => match reply {
                    Some(reply) => self.reply(reply).await?,
                    None => return Err(Stop::Closed),
                },
            }
        }
    }

    fn hear(&mut self, incoming: Incoming) -> Result<(), Stop> {
        let Incoming::Message(message) = incoming else {
            return Err(Stop::Reset(ResetCode::OUT_OF_PLACE));
        };
        match *message {
            Message::Want(want) => {
                let need = Need::of(&want);
                if !need.is_like(&self.need) {
                    return Err(Stop::Reset(ResetCode::OUT_OF_PLACE));
                }
                self.unsaid.count = Some(want.count.get());
                self.unsaid.memory = Some(need.memory());
            }
            Message::GiveBack(back) => {
                let numbers = back.grants.iter();
                // Numbers that are none of ours are those of no grant.
                let jobs = numbers.filter_map(|number| job_of(number.get()));
                self.unsaid.returned.extend(jobs);
            }
            Message::Report(report) => {
                let job = job_of(report.grant.get());
                self.unsaid.reports.extend(job.map(|job| Told {
                    job,
                    ending: report.ending,
                    refusal: report.refusal,
                }));
            }
            _ => return Err(Stop::Reset(ResetCode::OUT_OF_PLACE)),
        }
        Ok(())
    }

    async fn reply(&mut self, reply: Reply) -> Result<(), Stop> {
        let (signing, mut places) = match reply {
            Reply::Granted { signing, places } => (signing, places),
            Reply::Nothing(why) => return self.nothing(&why).await,
            Reply::TooMuch => return Err(Stop::Reset(ResetCode::BUSY)),
        };
        while !places.is_empty() {
            let rest = places.split_off(places.len().min(BATCH));
            let now = UnixTime::now().as_secs();
            let mut grants = Vec::with_capacity(places.len());
            for place in places {
                let job = place.job;
                match signing.grant(place, now) {
                    Ok(placed) => grants.push(placed),
                    Err(fault) => {
                        tracing::error!("job {job} gets no grant: {fault}");
                        self.unsaid.returned.push(job);
                    }
                }
            }
            if let Ok(grants) = List::new(grants) {
                self.exchange.send(Grants { grants }).await?;
            }
            places = rest;
        }
        Ok(())
    }

    async fn nothing(&mut self, why: &Why) -> Result<(), Stop> {
        let text = Line::new(&why.to_string());
        let none = NoGrants {
            text,
            possible: why.may_pass(),
            reason: why.lack(),
        };
        self.exchange.send(none).await?;
        Ok(())
    }
}

fn job_of(number: u64) -> Option<JobId> {
    u32::try_from(number).ok().map(JobId)
}
