//! Writing a result: beside the target under another name, complete, then renamed. Only an empty
//! file that is there already is filled in place: binutils do so too, and who made it with mkstemp
//! counts on its mode, its other names and an open descriptor.
//!
//! It runs on a thread of the blocking pool, because a network file system can take its time.

mod draft;

use std::io;
use std::path::PathBuf;

use job::Digest;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use wire::Proof;
use wire::message::Packing;

use self::draft::Draft;
use crate::cluster::unpack::{Unpacker, Wrong};
use crate::cluster::{Marker, Piece};

/// Where a job's outputs go.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    /// None, if none is made.
    pub(crate) object: Option<PathBuf>,
    pub(crate) dwo: Option<PathBuf>,
    /// Rules for make, where the executor makes them.
    pub(crate) dependencies: Option<PathBuf>,
    pub(crate) umask: u32,
}

/// One of a job's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Object,
    Dwo,
    Dependencies,
}

/// Why an output was not written. The local compiler will say the same, or better.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("{}: {doing} failed: {source}", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        source: io::Error,
    },
    #[error("{}: is no regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("a piece of the result is broken: {0}")]
    Piece(String),
    /// The executor's fault.
    #[error("{0}")]
    Wrong(#[from] Wrong),
    #[error("the result ended before it was complete")]
    Incomplete,
    #[error("a file was read that was not sent")]
    Tripped,
}

/// Pieces of outputs on their way to the thread that writes them. Dropping it before
/// [`Writer::finish`] leaves no trace.
#[derive(Debug)]
pub(crate) struct Writer {
    /// While there is little: a thread is woken once for all of it, and not for each piece.
    held: Vec<Step>,
    size: usize,
    steps: mpsc::Sender<Step>,
    /// Until the thread has it.
    order: Option<Order>,
    written: Option<JoinHandle<Result<u64, OutputError>>>,
}

#[derive(Debug)]
struct Order {
    targets: Targets,
    marker: Option<Marker>,
    steps: mpsc::Receiver<Step>,
}

#[derive(Debug)]
enum Step {
    Piece(Piece),
    /// The object is complete, the `.dwo` follows.
    Next,
    /// What was begun is complete; an output of this length follows.
    Begin {
        which: Which,
        packing: Packing,
        size: u64,
        proof: Box<Proof>,
    },
    Packed(Vec<u8>),
    /// All is there that belongs to what was begun.
    Complete(oneshot::Sender<Vec<Digest>>),
    Finish,
    /// There is no object, and the rules for make are whole.
    FinishRules,
}

impl Step {
    fn size(&self) -> usize {
        match self {
            Self::Piece(piece) => piece.len(),
            Self::Packed(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

/// Pieces that may wait for the disk.
const QUEUE: usize = 8;
/// Bytes that wait for the rest of their output.
const MOST_HELD: usize = 1 << 20;

impl Writer {
    /// No output may have the marker in it.
    pub(crate) fn start(targets: Targets, marker: Option<Marker>) -> Self {
        let (sender, steps) = mpsc::channel(QUEUE);
        Self {
            held: Vec::new(),
            size: 0,
            steps: sender,
            order: Some(Order {
                targets,
                marker,
                steps,
            }),
            written: None,
        }
    }

    /// Hands on the next piece of the current output. A writer that failed takes everything and
    /// tells at the end.
    pub(crate) async fn piece(&mut self, piece: Piece) {
        self.step(Step::Piece(piece)).await;
    }

    /// The object is complete; what follows is the `.dwo`.
    pub(crate) async fn next_output(&mut self) {
        self.step(Step::Next).await;
    }

    /// An output of this length begins, and what was begun before is complete.
    pub(crate) async fn begin(&mut self, which: Which, packing: Packing, size: u64, proof: Proof) {
        let begin = Step::Begin {
            which,
            packing,
            size,
            proof: Box::new(proof),
        };
        self.step(begin).await;
    }

    /// Bytes of the output that was begun.
    pub(crate) async fn packed(&mut self, bytes: Vec<u8>) {
        self.step(Step::Packed(bytes)).await;
    }

    /// Whether all that was begun is whole, and what would prove each of them, in the order of their beginning.
    pub(crate) async fn complete(&mut self) -> Result<Vec<Digest>, OutputError> {
        let (answer, told) = oneshot::channel();
        self.hand_on(Step::Complete(answer)).await;
        match told.await {
            Ok(proofs) => Ok(proofs),
            // It gave up before, and says why at its end.
            Err(_) => match self.written().await {
                Err(error) => Err(error),
                Ok(_) => Err(OutputError::Incomplete),
            },
        }
    }

    /// All is there: the outputs appear under their names. Tells how many bytes they have.
    pub(crate) async fn finish(mut self) -> Result<u64, OutputError> {
        self.hand_on(Step::Finish).await;
        self.written().await
    }

    /// The compile has failed: of its outputs only rules for make appear, if there are any. Tells as well when an
    /// object could not have been written.
    pub(crate) async fn finish_rules(mut self) -> Result<u64, OutputError> {
        self.hand_on(Step::FinishRules).await;
        self.written().await
    }

    async fn written(&mut self) -> Result<u64, OutputError> {
        let written = self.written.take().ok_or(OutputError::Incomplete)?;
        written.await.unwrap_or(Err(OutputError::Incomplete))
    }

    async fn step(&mut self, step: Step) {
        self.size = self.size.saturating_add(step.size());
        if self.order.is_some() && self.size <= MOST_HELD {
            self.held.push(step);
        } else {
            self.hand_on(step).await;
        }
    }

    /// To the thread, behind all that was held.
    async fn hand_on(&mut self, step: Step) {
        if let Some(order) = self.order.take() {
            let mut first = std::mem::take(&mut self.held);
            first.push(step);
            let begun = tokio::task::spawn_blocking(move || order.write(first));
            self.written = Some(begun);
        } else {
            // One that failed says so at its end.
            let _ = self.steps.send(step).await;
        }
    }
}

impl Order {
    fn write(mut self, first: Vec<Step>) -> Result<u64, OutputError> {
        let targets = &self.targets;
        let object = targets.object.as_ref();
        let object = object.map(|object| Draft::create(object, targets.umask));
        let mut drafts = Drafts {
            targets,
            object: object.transpose()?,
            dwo: None,
            dependencies: None,
            current: Which::Object,
            bytes: 0,
            marker: self.marker,
            tail: Vec::new(),
            unpacker: None,
            proofs: Vec::new(),
        };
        let mut first = first.into_iter();
        while let Some(step) = first.next().or_else(|| self.steps.blocking_recv()) {
            if matches!(step, Step::FinishRules) {
                (drafts.object, drafts.dwo) = (None, None);
            }
            if matches!(step, Step::Finish | Step::FinishRules) {
                drafts.end()?;
                return drafts.publish();
            }
            drafts.take(step)?;
        }
        Err(OutputError::Incomplete)
    }
}

/// A job's outputs while they come.
struct Drafts<'a> {
    targets: &'a Targets,
    object: Option<Draft>,
    dwo: Option<Draft>,
    dependencies: Option<Draft>,
    current: Which,
    bytes: u64,
    marker: Option<Marker>,
    /// The last bytes of what was looked through: the marker may begin there.
    tail: Vec<u8>,
    /// Of the current one, if its length was announced.
    unpacker: Option<(Unpacker, Proof)>,
    /// Of those that are whole.
    proofs: Vec<Digest>,
}

impl Drafts<'_> {
    fn take(&mut self, step: Step) -> Result<(), OutputError> {
        match step {
            Step::Piece(piece) => {
                let mut plain = Vec::new();
                piece.unpack(&mut plain).map_err(OutputError::Piece)?;
                self.write(&plain)
            }
            Step::Next => self.turn(Which::Dwo),
            Step::Begin {
                which,
                packing,
                size,
                proof,
            } => {
                self.end()?;
                self.turn(which)?;
                self.unpacker = Some((Unpacker::new(packing, size)?, *proof));
                Ok(())
            }
            Step::Packed(bytes) => self.unpack(&bytes),
            Step::Complete(answer) => {
                self.end()?;
                let _ = answer.send(std::mem::take(&mut self.proofs));
                Ok(())
            }
            Step::Finish | Step::FinishRules => Ok(()),
        }
    }

    /// What follows belongs to this output.
    fn turn(&mut self, which: Which) -> Result<(), OutputError> {
        self.current = which;
        self.tail.clear();
        let (draft, target) = match which {
            Which::Object => return Ok(()),
            Which::Dwo => (&mut self.dwo, &self.targets.dwo),
            Which::Dependencies => (&mut self.dependencies, &self.targets.dependencies),
        };
        if draft.is_none() {
            let target = target.as_deref().ok_or(OutputError::Incomplete)?;
            *draft = Some(Draft::create(target, self.targets.umask)?);
        }
        Ok(())
    }

    fn current(&mut self) -> Result<&mut Draft, OutputError> {
        let current = match self.current {
            Which::Object => &mut self.object,
            Which::Dwo => &mut self.dwo,
            Which::Dependencies => &mut self.dependencies,
        };
        current.as_mut().ok_or(OutputError::Incomplete)
    }

    fn write(&mut self, plain: &[u8]) -> Result<(), OutputError> {
        self.bytes += plain.len() as u64;
        if let Some(marker) = self.marker {
            let most = Marker::LENGTH - 1;
            // It may have begun in what came before.
            self.tail.extend_from_slice(&plain[..plain.len().min(most)]);
            if marker.is_in(&self.tail) || marker.is_in(plain) {
                return Err(OutputError::Tripped);
            }
            match plain.len() > most {
                true => plain[plain.len() - most..].clone_into(&mut self.tail),
                false => drop(self.tail.drain(..self.tail.len().saturating_sub(most))),
            }
        }
        self.current()?.write(plain)
    }

    fn unpack(&mut self, packed: &[u8]) -> Result<(), OutputError> {
        let current = self.unpacker.take();
        let (mut unpacker, mut proof) = current.ok_or(OutputError::Incomplete)?;
        unpacker.feed(packed, &mut |plain| {
            proof.update(plain);
            self.write(plain)
        })??;
        self.unpacker = Some((unpacker, proof));
        Ok(())
    }

    fn end(&mut self) -> Result<(), OutputError> {
        if let Some((unpacker, proof)) = self.unpacker.take() {
            unpacker.finish()?;
            self.proofs.push(proof.finish());
        }
        Ok(())
    }

    /// A build system watches the object: it comes last.
    fn publish(self) -> Result<u64, OutputError> {
        for draft in [self.dwo, self.dependencies, self.object]
            .into_iter()
            .flatten()
        {
            draft.publish()?;
        }
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests;
