//! One job's stream at its executor: the text goes out, the answer comes in.

use std::time::Duration;

use job::{Phase, Reason};
use tokio::time::{Instant, timeout_at};
use transport::{Exchange, Incoming, Link, LinkError, Sent};
use wire::ProofKey;
use wire::message::{Ending, Output, OutputKind, Usage};

use super::result::{Answer, Step, lacks_toolchain, not_this_jobs, why};
use super::ticket::Spent;
use super::words;
use crate::cluster::{Failure, Marker, Verdict};
use crate::job::Chronicle;
use crate::outputs::{OutputError, Targets, Which, Writer};
use crate::text::Text;

/// Waiting for a slot there, and compiling.
const RESULT: Duration = Duration::from_secs(720);
/// Between two pieces of a result.
const PIECE: Duration = Duration::from_secs(40);

/// How a try at the executor ended short of a result.
pub(super) enum Short {
    NoToolchain(Failure),
    Failed(Failure),
}

impl Short {
    /// What broke off at an executor that is being stopped is nobody's fault.
    pub(super) fn of(self, link: &Link) -> Self {
        match self {
            Self::Failed(failure)
                if link.peer_leaves()
                    && matches!(failure.reason, Reason::PeerLost | Reason::ResultIncomplete) =>
            {
                Self::Failed(Failure {
                    reason: Reason::ExecutorLeaves,
                    ..failure
                })
            }
            other => other,
        }
    }
}

impl From<Failure> for Short {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A job at its executor.
pub(super) struct Job<'a> {
    exchange: Exchange,
    answer: Answer,
    key: ProofKey,
    pub(super) spent: Spent,
    pub(super) sent: Sent,
    /// Bytes of outputs, packed.
    pub(super) received: u64,
    pub(super) writer: Option<Writer>,
    /// What no output may have in it.
    marker: Option<Marker>,
    targets: &'a Targets,
    chronicle: &'a mut Chronicle,
}

impl<'a> Job<'a> {
    /// A job whose stream is open.
    pub(super) fn new(
        exchange: Exchange,
        (wanted, key): (Vec<OutputKind>, ProofKey),
        spent: Spent,
        targets: &'a Targets,
        chronicle: &'a mut Chronicle,
    ) -> Self {
        Self {
            exchange,
            answer: Answer::to(wanted, key.clone()),
            key,
            spent,
            sent: Sent::default(),
            received: 0,
            writer: None,
            marker: None,
            targets,
            chronicle,
        }
    }

    /// One whose files are named.
    pub(super) fn marked(self, marker: Option<Marker>) -> Self {
        Self { marker, ..self }
    }

    pub(super) async fn run(&mut self, text: &mut Text) -> Result<(Verdict, Usage), Short> {
        self.send(text).await?;
        self.chronicle.enter(Phase::Wait);
        let limit = Instant::now() + RESULT;
        loop {
            let until = match self.answer.is_under_way() {
                true => Instant::now() + PIECE,
                false => limit,
            };
            let Ok(next) = timeout_at(until, self.exchange.next()).await else {
                let peer = self.exchange.peer_addr();
                let (reason, what) = match self.answer.is_under_way() {
                    true => (Reason::ResultIncomplete, "the rest of the result"),
                    false => (Reason::PeerTimeout, "the result"),
                };
                let detail = format!("{peer}: {what} did not come in time");
                return Err(Failure::elsewhere(reason, detail).into());
            };
            match next {
                Ok(Some(arrived)) => self.take(arrived).await?,
                Ok(None) => break,
                Err(error) => return Err(self.broken(&error).into()),
            }
        }
        let none = Answer::to(Vec::new(), self.key.clone());
        let (verdict, usage, given) = std::mem::replace(&mut self.answer, none).end()?;
        let proofs = match &mut self.writer {
            Some(writer) => writer.complete().await.map_err(|error| written(&error))?,
            None => Vec::new(),
        };
        if proofs != given {
            return Err(not_this_jobs("the object is not").into());
        }
        let said = [&verdict.stderr, &verdict.stdout];
        let is_in = |marker: Marker| said.into_iter().any(|said| marker.is_in(said));
        if self.marker.is_some_and(is_in) {
            return Err(tripped().into());
        }
        Ok((verdict, usage))
    }

    /// Sends the whole text; an early word from the executor is acceptance or refusal.
    async fn send(&mut self, text: &mut Text) -> Result<(), Short> {
        loop {
            let piece = tokio::select! {
                biased;
                piece = text.next() => piece.map(|piece| piece.packed().to_vec()),
                arrived = self.exchange.next() => {
                    self.early(arrived).await?;
                    continue;
                }
            };
            let Some(mut bytes) = piece else { break };
            let (length, began) = (bytes.len() as u64, Instant::now());
            let until = began + RESULT;
            loop {
                let sending = self.exchange.send_data_or_hear(&mut bytes);
                match timeout_at(until, sending).await {
                    Ok(Ok(true)) => break,
                    Ok(Ok(false)) => {
                        let arrived = self.exchange.next().await;
                        self.early(arrived).await?;
                    }
                    Ok(Err(error)) => return Err(self.last_word(&error).await),
                    Err(_) => {
                        let detail = "the executor has not taken the text in time";
                        return Err(Failure::elsewhere(Reason::PeerTimeout, detail).into());
                    }
                }
            }
            self.sent.bytes += length;
            self.sent.waited += began.elapsed();
        }
        let ending = text.ending().await;
        ending.map_err(|none| Failure::here(none.reason, none.detail))?;
        match self.exchange.finish().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.last_word(&error).await),
        }
    }

    async fn early(&mut self, arrived: Result<Option<Incoming>, LinkError>) -> Result<(), Short> {
        match arrived {
            Ok(Some(arrived)) => self.take(arrived).await,
            Ok(None) => {
                let detail = "the executor ended the job before it had the text";
                Err(Failure::elsewhere(Reason::PeerProtocol, detail).into())
            }
            Err(error) => Err(self.broken(&error).into()),
        }
    }

    /// What it said before it broke off tells more than that it broke off.
    async fn last_word(&mut self, error: &LinkError) -> Short {
        while let Ok(Ok(Some(arrived))) =
            timeout_at(Instant::now() + PIECE, self.exchange.next()).await
        {
            if let Err(short) = self.take(arrived).await {
                return short;
            }
        }
        self.broken(error).into()
    }

    async fn take(&mut self, arrived: Incoming) -> Result<(), Short> {
        let began = self.answer.is_under_way();
        match self.answer.take(arrived)? {
            Step::Nothing => {}
            Step::File(output) => self.begin(&output).await,
            Step::Bytes(bytes) => {
                self.received += bytes.len() as u64;
                if let Some(writer) = &mut self.writer {
                    writer.packed(bytes).await;
                }
            }
            Step::Refused(refused) => {
                let failure = why(&refused);
                self.spent.report(|report| {
                    report.ending = Ending::Refused;
                    report.refusal = Some(refused.reason);
                });
                return Err(match lacks_toolchain(&refused) {
                    true => Short::NoToolchain(failure),
                    false => Short::Failed(failure),
                });
            }
        }
        if !began && self.answer.is_under_way() {
            self.chronicle.enter(Phase::Receive);
        }
        Ok(())
    }

    async fn begin(&mut self, output: &Output) {
        let (targets, marker) = (self.targets, self.marker);
        let writer = self
            .writer
            .get_or_insert_with(|| Writer::start(targets.clone(), marker));
        let which = match output.kind {
            OutputKind::SplitDwarf => Which::Dwo,
            OutputKind::Dependencies => Which::Dependencies,
            _ => Which::Object,
        };
        writer
            .begin(
                which,
                output.packing,
                output.size.get(),
                self.key.begin(output.kind),
            )
            .await;
    }

    fn broken(&self, error: &LinkError) -> Failure {
        let failure = words::broken(error);
        match (self.answer.is_under_way(), failure.reason) {
            (true, Reason::PeerLost | Reason::PeerTimeout) => Failure {
                reason: Reason::ResultIncomplete,
                ..failure
            },
            _ => failure,
        }
    }
}

/// A file was read that was not sent.
fn tripped() -> Failure {
    let detail = "the compiler read a file that was not known to be needed";
    Failure::elsewhere(Reason::FilesMissing, detail)
}

/// Whose fault it is that an output cannot be had.
fn written(error: &OutputError) -> Failure {
    match error {
        OutputError::Tripped => tripped(),
        OutputError::Wrong(_) => Failure::elsewhere(Reason::ResultIncomplete, error.to_string()),
        _ => Failure::here(Reason::OutputWrite, error.to_string()),
    }
}
