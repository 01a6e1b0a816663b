//! One job of a member, from its grant to the last byte of its result.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use transport::{Exchange, Incoming};
use wire::ResetCode;
use wire::field::List;
use wire::message::{Accepted, Finished, InputKind, Refused, Started, Usage};
use wire::name::{Count, ExitCode, Micros, Size};

use super::members::Seat;
use super::outputs::{self, Manner};
use super::refused;
use crate::compile::{Client, Made, Outcome, Packed, Post, Source, Task};
use crate::core::Refusal;
use crate::session::End;
use crate::session::answer::patience;

/// How long an agent may take to read that its job is refused, and to stop sending its input.
const LINGER: Duration = Duration::from_secs(5);

/// A job that waits for its place at the desk.
pub(crate) struct Ordered {
    pub(super) from: String,
    pub(super) task: Task,
    pub(super) packed: Packed,
    pub(super) manner: Manner,
    pub(super) stream: Stream,
    /// Closed when its connection is over.
    pub(super) link: watch::Receiver<()>,
    pub(super) seat: Seat,
}

/// The job's stream.
pub(super) struct Stream {
    pub(super) exchange: Exchange,
    input: InputKind,
    started: bool,
}

impl Stream {
    pub(super) fn new(exchange: Exchange, input: InputKind) -> Self {
        Self {
            exchange,
            input,
            started: false,
        }
    }
}

impl Client for Stream {
    async fn hear(&mut self, source: &mut Source) -> Result<(), End> {
        if source.complete || !source.listens() {
            return Err(self.exchange.broken().await.into());
        }
        match self.exchange.next().await? {
            Some(Incoming::Data(_)) if self.input == InputKind::Files => {
                let text = "text for a job whose input is files";
                return Err(End::BadInput(text.to_owned()));
            }
            Some(Incoming::Data(bytes)) => source.take_bytes(bytes),
            Some(Incoming::Message(_)) => return Err(End::OutOfPlace),
            None => source.complete = true,
        }
        Ok(())
    }

    async fn started(&mut self) -> Result<(), End> {
        // Not again when it had to make way.
        if !std::mem::replace(&mut self.started, true) {
            self.exchange.send(Started {}).await?;
        }
        Ok(())
    }
}

impl Ordered {
    pub(crate) fn from(&self) -> &str {
        &self.from
    }

    /// Always says at the end that it has left.
    pub(crate) async fn run(self, mut post: Post) {
        let Self {
            from,
            task,
            packed,
            manner,
            mut stream,
            mut link,
            seat,
        } = self;
        let source = Source::of_member(&post.shop.room, &seat.room);
        let work = async {
            let waiting = post.shop.waiting();
            let queued = Count::new(waiting).unwrap_or(Count::MOST);
            stream.exchange.send(Accepted { queued }).await?;
            let outcome = post.compile_from(task, &mut stream, source, packed).await;
            deliver(&mut stream, outcome, &manner).await
        };
        let (end, code) = tokio::select! {
            end = work => match end {
                Ok(()) => (End::Closed, None),
                Err(End::OutOfPlace) => (End::OutOfPlace, Some(ResetCode::OUT_OF_PLACE)),
                Err(end @ End::Slow(_)) => (end, Some(ResetCode::TOO_SLOW)),
                Err(end @ End::Refused(_)) => (end, Some(ResetCode::FAILED)),
                // The daemon ends, or the desk has given it up.
                Err(end @ End::Dismissed) => (end, Some(ResetCode::BUSY)),
                Err(end @ End::Leaving) => (end, Some(ResetCode::GOING_AWAY)),
                Err(end) => (end, None),
            },
            // Its member was revoked, or it is no use to send anything.
            _ = link.changed() => (End::Closed, Some(ResetCode::FORBIDDEN)),
        };
        post.leave(&from, end).await;
        if let Some(code) = code {
            stream.exchange.reset(code);
        }
    }
}

async fn deliver(stream: &mut Stream, outcome: Outcome, manner: &Manner) -> Result<(), End> {
    let Stream {
        exchange, input, ..
    } = stream;
    if matches!(outcome, Outcome::Refused(Refusal::Leaving)) {
        return Err(End::Leaving);
    }
    if let Outcome::Failed(failure) = &outcome
        && *input == InputKind::Files
        && failure.toolchain_is_broken()
    {
        // Its files may be to blame.
        return refuse(exchange, refused::unstarted(failure)).await;
    }
    if let Some(refused) = refused::outcome(&outcome) {
        return refuse(exchange, refused).await;
    }
    match outcome {
        Outcome::Made(mut made) => {
            let outputs = made.finished.object.iter().chain(&made.finished.dwo);
            let limit = patience(outputs.map(|output| output.len).sum());
            timeout(limit, hand_over(exchange, &mut made, manner))
                .await
                .unwrap_or(Err(End::Slow(limit)))
        }
        Outcome::Client(End::BadInput(why)) => {
            refuse(exchange, refused::input(&why)).await?;
            Err(End::BadInput(why))
        }
        Outcome::Client(end) => Err(end),
        _ => Err(End::Dismissed),
    }
}

async fn hand_over(exchange: &mut Exchange, made: &mut Made, manner: &Manner) -> Result<(), End> {
    let proofs = outputs::send(exchange, &mut made.finished, manner).await?;
    let code = u32::try_from(made.finished.status).ok();
    let code = code.and_then(|code| ExitCode::new(code).ok());
    let exit_code = code.ok_or_else(|| End::Refused("its exit code is none".to_owned()))?;
    let finished = Finished {
        exit_code: Some(exit_code),
        signal: None,
        outputs: u32::try_from(proofs.len())
            .ok()
            .and_then(|sent| Count::new(sent).ok())
            .unwrap_or(Count::MOST),
        usage: usage(made),
        proofs: List::new(proofs).map_err(|bad| End::Refused(bad.to_string()))?,
    };
    exchange.send(finished).await?;
    Ok(exchange.finish().await?)
}

/// Says no, and lets the agent read that before the stream is reset under the input that it may still be
/// sending.
pub(super) async fn refuse(exchange: &mut Exchange, refused: Refused) -> Result<(), End> {
    exchange.send(refused).await?;
    exchange.finish().await?;
    let drain = async { while let Ok(Some(_)) = exchange.next().await {} };
    let _either_way = timeout(LINGER, drain).await;
    Ok(())
}

fn usage(made: &Made) -> Usage {
    let used = &made.finished.usage;
    Usage {
        user_us: micros(used.user),
        system_us: micros(used.system),
        peak_memory: Size::new(used.peak_memory).unwrap_or(Size::MOST),
        waited_us: micros(made.waited),
        ran_us: micros(made.ran),
    }
}

fn micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros())
        .ok()
        .and_then(|micros| Micros::new(micros).ok())
        .unwrap_or(Micros::MOST)
}
