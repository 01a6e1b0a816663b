//! The thread that runs a preprocessor and compresses what it prints.
//!
//! gcc writes its text in pieces of 4 KiB (measured), and a reader that sleeps on the pipe would be
//! woken for each. So the pipe is made large, the thread naps on the child's end instead, and takes
//! all there is whenever it wakes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use invocation::{EnteredFiles, Family};
use job::Reason;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, OFlags};
use rustix::process::{Pid, PidfdFlags};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::doubts::Doubts;
use super::{Kept, NoText, Pragmas, Process, Production};
use crate::cluster::{Effort, PIECE_LEN, Piece};
use crate::excerpt::first_line;
use crate::hub::Permit;
use crate::inputs::Watched;
use crate::pace;
use crate::shared::{BUDGET_UNIT, TEXT_BUDGET_HIGH};

/// What is to be produced.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) source: Source,
    pub(crate) directory: PathBuf,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) umask: u32,
    pub(crate) niceness: u32,
    /// How hard the text is compressed, until [`super::Text::compress`] says otherwise.
    pub(crate) effort: Effort,
    /// The right to run a preprocessor, held until it ended.
    pub(crate) permit: Option<Permit>,
}

/// Where the text comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Preprocessor {
        program: PathBuf,
        arguments: Vec<OsString>,
        /// Macros are expanded elsewhere, by a compiler of this family: what the text may have
        /// lost is looked for.
        includes_only: Option<(Family, Arc<Pragmas>)>,
        /// Whose files are compared with those that are found without it.
        watched: Option<Box<Watched>>,
    },
    /// A source that was preprocessed before.
    Preprocessed(PathBuf),
    /// A file as it is.
    File(PathBuf),
}

/// The way to the reader.
pub(crate) struct Line {
    pub(super) pieces: mpsc::UnboundedSender<Kept>,
    pub(super) budget: Arc<Semaphore>,
    pub(super) unread: Arc<AtomicUsize>,
    pub(super) effort: Arc<Mutex<Effort>>,
    pub(super) runtime: Handle,
}

/// The kernel's usual limit for users; refused when the user has many such pipes already.
const PIPE_SIZE: usize = 1 << 20;

/// How long a preprocessor is left alone: at 100 MB/s it fills half of the pipe.
const NAP: Duration = Duration::from_millis(5);

/// The same for a pipe that could not be enlarged.
const SHORT_NAP: Duration = Duration::from_micros(500);

/// A preprocessor that said more than this on standard error is ended.
const MAX_STDERR: u64 = 16 << 20;

/// The longest source that is sent without being preprocessed here.
const MAX_SOURCE: u64 = 256 << 20;

/// How long a full budget is waited for before looking again whether anything is still to be read.
const FULL: Duration = Duration::from_millis(100);

/// How long a preprocessor's children may keep its pipe after it ended.
const LINGER: Duration = Duration::from_secs(10);

pub(super) fn produce(order: &Order, line: &Line, process: &Process) -> Result<Production, NoText> {
    let began = Instant::now();
    let mut packer = Packer {
        line,
        buffer: vec![0; PIECE_LEN],
        filled: 0,
        bytes: 0,
        doubts: None,
        entered: None,
    };
    let made = match order.source {
        Source::File(ref path) => packer.take_file(&order.directory.join(path)),
        Source::Preprocessed(ref path) => {
            let read = read_bounded(&order.directory.join(path));
            let text = read.map_err(failed("reading the source"))?;
            let text = invocation::preprocessed_text(path.as_os_str(), &order.directory, &text);
            packer.take(&mut text.as_slice()).map(drop)
        }
        Source::Preprocessor {
            ref program,
            ref arguments,
            ref includes_only,
            ref watched,
        } => {
            packer.entered = watched.is_some().then(EnteredFiles::default);
            packer.doubts = includes_only
                .as_ref()
                .map(|(family, pragmas)| Doubts::new(*family, arguments, pragmas));
            let command = super::command(program, arguments, &order.environment, &order.directory);
            preprocess(&mut packer, command, order, process)
                .and_then(|()| packer.pack())
                .and_then(|()| match packer.doubts.take() {
                    Some(doubts) => doubts.settle(&order.directory),
                    None => Ok(()),
                })
        }
    };
    made?;
    packer.pack()?;
    if let (Source::Preprocessor { watched, .. }, Some(entered)) = (&order.source, packer.entered)
        && let Some(watched) = watched
    {
        watched.tell(entered.into_paths());
    }
    Ok(Production {
        bytes: packer.bytes,
        took: began.elapsed(),
    })
}

fn preprocess(
    packer: &mut Packer<'_>,
    mut command: Command,
    order: &Order,
    process: &Process,
) -> Result<(), NoText> {
    let (pipe, end) = io::pipe().map_err(failed("making a pipe"))?;
    let enlarged = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE_SIZE).is_ok();
    let flags = rustix::fs::fcntl_getfl(&pipe).map_err(failed_errno("reading a pipe's flags"))?;
    rustix::fs::fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)
        .map_err(failed_errno("setting a pipe's flags"))?;
    let stderr = rustix::fs::memfd_create("stderr", MemfdFlags::CLOEXEC)
        .map_err(failed_errno("making a file in memory"))?;
    let mut stderr = File::from(stderr);
    let copy = stderr
        .try_clone()
        .map_err(failed("duplicating a descriptor"))?;
    command.stdout(end).stderr(copy);
    let mut child = process
        .start(&mut command, order.umask, order.niceness)
        .map_err(failed("starting the preprocessor"))?;
    drop(command); // and with it our copy of the pipe's other end
    let nap = if enlarged { NAP } else { SHORT_NAP };
    let taken = packer.take_pipe(&pipe, &stderr, &child, nap);
    if taken.is_err() {
        process.end();
    }
    drop(pipe);
    let status = process
        .wait(&mut child)
        .map_err(failed("waiting for the preprocessor"))?;
    let said = said(&mut stderr);
    taken?;
    if !status.success() {
        let detail = said.unwrap_or_else(|| status.to_string());
        return Err(NoText {
            reason: Reason::PreprocessorFailed,
            detail,
        });
    }
    match said {
        // The local compiler says it again, in its own order and form.
        Some(detail) => Err(NoText {
            reason: Reason::Diagnostics,
            detail,
        }),
        None => Ok(()),
    }
}

/// Fills pieces and sends them.
struct Packer<'a> {
    line: &'a Line,
    buffer: Vec<u8>,
    filled: usize,
    bytes: u64,
    doubts: Option<Doubts>,
    entered: Option<EnteredFiles>,
}

impl Packer<'_> {
    fn take_file(&mut self, path: &std::path::Path) -> Result<(), NoText> {
        let mut file = File::open(path).map_err(failed("opening the source"))?;
        while self.take(&mut file)? != Taken::End {}
        Ok(())
    }

    /// Takes all that the child prints until it has ended.
    fn take_pipe(
        &mut self,
        mut pipe: &PipeReader,
        stderr: &File,
        child: &Child,
        nap: Duration,
    ) -> Result<(), NoText> {
        let handle = rustix::process::pidfd_open(Pid::from_child(child), PidfdFlags::empty())
            .map_err(failed_errno("watching the preprocessor"))?;
        loop {
            let over = wait_for(&handle, nap)?;
            if self.take(&mut pipe)? == Taken::End {
                return Ok(());
            }
            if over {
                return self.take_rest(pipe);
            }
            if stderr.metadata().is_ok_and(|meta| meta.len() > MAX_STDERR) {
                let detail = format!("the preprocessor wrote over {MAX_STDERR} bytes of messages");
                return Err(NoText {
                    reason: Reason::PreprocessorFailed,
                    detail,
                });
            }
        }
    }

    /// The child ended, but something that it started still has the pipe.
    fn take_rest(&mut self, mut pipe: &PipeReader) -> Result<(), NoText> {
        let deadline = Instant::now() + LINGER;
        while self.take(&mut pipe)? != Taken::End {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let detail = "the preprocessor ended and left its output open".to_owned();
                return Err(NoText {
                    reason: Reason::PreprocessorFailed,
                    detail,
                });
            }
            wait_for(pipe, left)?;
        }
        Ok(())
    }

    /// Reads what there is.
    fn take(&mut self, from: &mut impl Read) -> Result<Taken, NoText> {
        loop {
            match from.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Ok(Taken::End),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Taken::All),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("reading the text")(error)),
            }
            if self.filled == self.buffer.len() {
                self.pack()?;
            }
        }
    }

    /// Sends what is in the buffer.
    fn pack(&mut self) -> Result<(), NoText> {
        if self.filled == 0 {
            return Ok(());
        }
        let text = &self.buffer[..self.filled];
        if let Some(doubts) = &mut self.doubts {
            doubts.feed(text)?;
        }
        if let Some(entered) = &mut self.entered {
            entered.feed(text);
        }
        let packed = Piece::pack(text, self.effort());
        let piece = packed.map_err(|detail| NoText {
            reason: Reason::PreprocessorFailed,
            detail,
        })?;
        self.bytes += self.filled as u64;
        self.filled = 0;
        let room = self.room(piece.len())?;
        self.line.unread.fetch_add(1, Ordering::AcqRel);
        self.line
            .pieces
            .send(Kept { piece, _room: room })
            .map_err(|_| gone())
    }

    /// Texts that are kept as they are fill the memory for texts several times sooner.
    fn effort(&self) -> Effort {
        let wanted = *self
            .line
            .effort
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match wanted {
            Effort::Store if self.line.budget.available_permits() < TEXT_BUDGET_HIGH => pace::QUICK,
            wanted => wanted,
        }
    }

    /// Room in the budget of all jobs. A job of which nothing is waiting goes on without: it may
    /// occupy an executor for which the others wait that fill the budget.
    fn room(&self, length: usize) -> Result<Option<OwnedSemaphorePermit>, NoText> {
        let units = u32::try_from(length.div_ceil(BUDGET_UNIT)).unwrap_or(u32::MAX);
        loop {
            let budget = Arc::clone(&self.line.budget);
            if let Ok(room) = Arc::clone(&budget).try_acquire_many_owned(units) {
                return Ok(Some(room));
            }
            if self.line.unread.load(Ordering::Acquire) == 0 {
                return Ok(None);
            }
            if self.line.pieces.is_closed() {
                return Err(gone());
            }
            let waiting =
                async { tokio::time::timeout(FULL, budget.acquire_many_owned(units)).await };
            if let Ok(Ok(room)) = self.line.runtime.block_on(waiting) {
                return Ok(Some(room));
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Taken {
    All,
    End,
}

/// Reads a whole file, within reason.
fn read_bounded(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(MAX_SOURCE + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > MAX_SOURCE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

fn gone() -> NoText {
    NoText {
        reason: Reason::Cancelled,
        detail: String::new(),
    }
}

/// Waits until `what` can be read or `limit` has passed; true for the former.
fn wait_for(what: impl AsFd, limit: Duration) -> Result<bool, NoText> {
    let limit = Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(&what, PollFlags::IN)], Some(&limit)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(failed_errno("waiting for the preprocessor")(error)),
    }
}

/// What there is on standard error, shortened; `None`: nothing.
fn said(stderr: &mut File) -> Option<String> {
    let mut text = Vec::new();
    stderr.seek(SeekFrom::Start(0)).ok()?;
    stderr.take(4096).read_to_end(&mut text).ok()?;
    (!text.is_empty()).then(|| first_line(&text).unwrap_or_default())
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> NoText {
    move |error| NoText {
        reason: Reason::PreprocessorFailed,
        detail: format!("{doing}: {error}"),
    }
}

fn failed_errno(doing: &'static str) -> impl Fn(rustix::io::Errno) -> NoText {
    move |error| failed(doing)(error.into())
}
