//! Writing a result: beside the target under another name, complete, then renamed. Only an empty
//! file that is there already is filled in place: binutils do so too, and who made it with mkstemp
//! counts on its mode, its other names and an open descriptor.
//!
//! It runs on a thread of the blocking pool, because a network file system can take its time.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use job::Digest;
use rustix::fs::OFlags;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use wire::Proof;
use wire::message::Packing;

use crate::cluster::unpack::{Unpacker, Wrong};
use crate::cluster::{Marker, Piece};

/// Where a job's outputs go.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    pub(crate) object: PathBuf,
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
    steps: mpsc::Sender<Step>,
    written: JoinHandle<Result<u64, OutputError>>,
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
}

/// Pieces that may wait for the disk.
const QUEUE: usize = 8;

impl Writer {
    /// No output may have the marker in it.
    pub(crate) fn start(targets: Targets, marker: Option<Marker>) -> Self {
        let (steps, received) = mpsc::channel(QUEUE);
        let written = tokio::task::spawn_blocking(move || write(&targets, marker, received));
        Self { steps, written }
    }

    /// Hands on the next piece of the current output. A writer that failed takes everything and
    /// tells at the end.
    pub(crate) async fn piece(&self, piece: Piece) {
        let _ = self.steps.send(Step::Piece(piece)).await;
    }

    /// The object is complete; what follows is the `.dwo`.
    pub(crate) async fn next_output(&self) {
        let _ = self.steps.send(Step::Next).await;
    }

    /// An output of this length begins, and what was begun before is complete.
    pub(crate) async fn begin(&self, which: Which, packing: Packing, size: u64, proof: Proof) {
        let begin = Step::Begin {
            which,
            packing,
            size,
            proof: Box::new(proof),
        };
        let _ = self.steps.send(begin).await;
    }

    /// Bytes of the output that was begun.
    pub(crate) async fn packed(&self, bytes: Vec<u8>) {
        let _ = self.steps.send(Step::Packed(bytes)).await;
    }

    /// Whether all that was begun is whole, and what would prove each of them, in the order of their beginning.
    pub(crate) async fn complete(&mut self) -> Result<Vec<Digest>, OutputError> {
        let (answer, told) = oneshot::channel();
        let _ = self.steps.send(Step::Complete(answer)).await;
        match told.await {
            Ok(proofs) => Ok(proofs),
            // It gave up before, and says why at its end.
            Err(_) => match (&mut self.written).await {
                Ok(Err(error)) => Err(error),
                _ => Err(OutputError::Incomplete),
            },
        }
    }

    /// All is there: the outputs appear under their names. Tells how many bytes they have.
    pub(crate) async fn finish(self) -> Result<u64, OutputError> {
        let _ = self.steps.send(Step::Finish).await;
        self.written.await.unwrap_or(Err(OutputError::Incomplete))
    }
}

fn write(
    targets: &Targets,
    marker: Option<Marker>,
    mut steps: mpsc::Receiver<Step>,
) -> Result<u64, OutputError> {
    let mut drafts = Drafts {
        targets,
        object: Some(Draft::create(&targets.object, targets.umask)?),
        dwo: None,
        dependencies: None,
        current: Which::Object,
        bytes: 0,
        marker,
        tail: Vec::new(),
        unpacker: None,
        proofs: Vec::new(),
    };
    let mut plain = Vec::new();
    loop {
        match steps.blocking_recv() {
            Some(Step::Piece(piece)) => {
                plain.clear();
                piece.unpack(&mut plain).map_err(OutputError::Piece)?;
                drafts.write(&plain)?;
            }
            Some(Step::Next) => drafts.turn(Which::Dwo)?,
            Some(Step::Begin {
                which,
                packing,
                size,
                proof,
            }) => {
                drafts.end()?;
                drafts.turn(which)?;
                drafts.unpacker = Some((Unpacker::new(packing, size)?, *proof));
            }
            Some(Step::Packed(bytes)) => drafts.unpack(&bytes)?,
            Some(Step::Complete(answer)) => {
                drafts.end()?;
                let _ = answer.send(std::mem::take(&mut drafts.proofs));
            }
            Some(Step::Finish) => break,
            None => return Err(OutputError::Incomplete),
        }
    }
    drafts.end()?;
    drafts.publish()
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
            self.tail.extend_from_slice(plain);
            if marker.is_in(&self.tail) {
                return Err(OutputError::Tripped);
            }
            let kept = self.tail.len().min(Marker::LENGTH - 1);
            self.tail.drain(..self.tail.len() - kept);
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

/// A file that has no right name yet. Dropped unpublished, it is gone.
#[derive(Debug)]
struct Draft {
    file: File,
    path: PathBuf,
    target: PathBuf,
    published: bool,
}

impl Draft {
    fn create(target: &Path, umask: u32) -> Result<Self, OutputError> {
        let path = draft_name(target);
        let failed = |doing| {
            let path = path.clone();
            move |source| OutputError::Io {
                path,
                doing,
                source,
            }
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(failed("creating it"))?;
        let permissions = Permissions::from_mode(0o666 & !umask);
        let draft = Self {
            file,
            path: path.clone(),
            target: target.to_owned(),
            published: false,
        };
        draft
            .file
            .set_permissions(permissions)
            .map_err(failed("setting its mode"))?;
        Ok(draft)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.file
            .write_all(bytes)
            .map_err(|source| OutputError::Io {
                path: self.path.clone(),
                doing: "writing",
                source,
            })
    }

    fn publish(mut self) -> Result<(), OutputError> {
        match std::fs::symlink_metadata(&self.target) {
            // What was a file when the job was planned may have become something else.
            Ok(meta) if !meta.is_file() => {
                return Err(OutputError::NotAFile {
                    path: self.target.clone(),
                });
            }
            Ok(meta) if meta.len() == 0 => {
                return self.fill_target().map_err(|source| OutputError::Io {
                    path: self.target.clone(),
                    doing: "writing the result into it",
                    source,
                });
            }
            _ => {}
        }
        std::fs::rename(&self.path, &self.target).map_err(|source| OutputError::Io {
            path: self.target.clone(),
            doing: "renaming the result to it",
            source,
        })?;
        self.published = true;
        Ok(())
    }

    /// Copies the draft into the empty target. The copy is complete or the target empty again.
    fn fill_target(&mut self) -> io::Result<()> {
        // What took the file's place meanwhile is neither followed nor waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut target = OpenOptions::new()
            .write(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.target)?;
        self.file.rewind()?;
        let copied = io::copy(&mut self.file, &mut target);
        if copied.is_err() {
            let _ = target.set_len(0);
        }
        copied.map(drop)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A name beside the target that no other job of any agent uses now.
fn draft_name(target: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut name = target.file_name().unwrap_or_default().as_bytes().to_vec();
    name.truncate(200); // leaves room within the 255 bytes of a name
    name.extend(format!(".floe-{:x}-{number:x}", std::process::id()).bytes());
    target.with_file_name(std::ffi::OsStr::from_bytes(&name))
}

#[cfg(test)]
mod tests;
