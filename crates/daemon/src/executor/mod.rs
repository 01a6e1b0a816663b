//! Runs one foreign job: a compiler of another host's, in a sandbox, on text that arrives while
//! it runs.
//!
//! It does what icecream's executors do and what their clients rely on. Different on purpose: no `--param ggc-…` (it shows in the debug
//! information), and a compiler that a signal ended asks the client to compile again, with the cause.

mod child;
mod command;
mod failure;
mod order;
mod scratch;
mod streams;
mod verdict;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sandbox::{Ended, Limits, Rung, View, ZygoteClient};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use toolchain::{Identity, NotOwn};

pub(crate) use command::split_specs;
pub use failure::Failure;
pub use order::{BadOrder, Order};
pub use scratch::Room;
pub(crate) use streams::has_terminals;
pub use verdict::{Finished, Output, STATUS_KILLED, Setback};

use child::{Child, Program};
use scratch::Scratches;

/// A piece of the source as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Decompressed text.
    Text(Vec<u8>),
    /// The source is complete.
    End,
}

/// What one job may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub limits: Limits,
    /// Between two pieces of the source.
    pub source_gap: Duration,
    /// From start to end of the compiler.
    pub deadline: Duration,
    /// Of the scratch directory.
    pub room: Room,
    /// Bytes of standard output and standard error.
    pub said: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        let limits = Limits {
            address_space: None,
            memory: None,
            disk: None,
            file_size: Some(2 << 30),
            processes: Some(64),
            open_files: Some(1024),
            cpu_seconds: Some(3600),
            nice: 5,
            idle: false,
        };
        Self {
            limits,
            source_gap: Duration::from_secs(60),
            deadline: Duration::from_secs(2 * 3600),
            // An object with debug information has some 100 MiB at most, and gcc may write the
            // assembler's input beside it. Memory is taken only as it is used.
            room: Room {
                bytes: 2 << 30,
                files: 4096,
            },
            said: streams::MAX_SAID,
        }
    }
}

impl Bounds {
    /// For a scratch directory that has no quota of its own.
    fn on_disk(&self) -> Limits {
        Limits {
            disk: Some(self.room.bytes),
            ..self.limits
        }
    }
}

/// The line between a job and who sees to the memory of all.
#[derive(Debug)]
pub struct Overseer {
    /// Bytes that the job has now.
    pub used: watch::Sender<u64>,
    /// A word or a hang-up ends the job: [`Failure::Evicted`], once its memory is free.
    pub evicted: oneshot::Receiver<()>,
}

/// `/bin/true` needs a millisecond.
const VERIFY_LIMIT: Duration = Duration::from_secs(20);

/// Where a job of files has its scratch directory: everything else in its tree is somebody's.
pub(crate) const SCRATCH: &str = "/floe-scratch";
/// Where every tree of files has [`split_specs`].
pub(crate) const SPLIT_SPECS: &str = "/floe-split.specs";

/// Makes sandboxes for foreign jobs below a directory of its own. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    zygote: ZygoteClient,
    scratches: Arc<Scratches>,
    installed: Option<Arc<Installed>>,
    /// Whether running jobs are stopped.
    frozen: Arc<watch::Sender<bool>>,
}

/// For a toolchain that this host has installed itself, identical and at the same paths: its files
/// there. May take as long as reading a compiler.
pub type Installed = dyn Fn(&Toolchain) -> Result<Vec<PathBuf>, NotOwn> + Send + Sync;

/// What a job's compiler is to be taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The directory that it is unpacked in; for a job of files, the tree of it and them.
    pub root: PathBuf,
    /// None: nobody has read all of it.
    pub identity: Option<Identity>,
}

impl From<PathBuf> for Toolchain {
    fn from(root: PathBuf) -> Self {
        Self {
            root,
            identity: None,
        }
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Executor")
            .field("zygote", &self.zygote)
            .field("scratches", &self.scratches)
            .finish_non_exhaustive()
    }
}

impl Executor {
    /// Takes over `<base>/scratch` and empties it: what is there belonged to jobs of an earlier
    /// daemon. The directory must belong to the daemon's user.
    pub fn new(zygote: ZygoteClient, base: &Path) -> io::Result<Self> {
        Ok(Self {
            zygote,
            scratches: Arc::new(Scratches::new(base)?),
            installed: None,
            frozen: Arc::new(watch::Sender::new(false)),
        })
    }

    /// Who can say whether this host has a toolchain itself. On the rung without namespaces these
    /// are the only ones that are used; the others do not ask.
    #[must_use]
    pub fn with_installed(self, installed: Arc<Installed>) -> Self {
        Self {
            installed: Some(installed),
            ..self
        }
    }

    /// Stops all running jobs where they are, and those that start meanwhile, or lets them go on.
    /// They keep their memory; the time does not count against [`Bounds::deadline`]. Returns what
    /// was so before.
    pub fn freeze(&self, frozen: bool) -> bool {
        self.frozen.send_replace(frozen)
    }

    /// A file for what a job may need again.
    pub fn spool(&self) -> io::Result<File> {
        self.scratches.file()
    }

    /// How foreign jobs are kept apart from this host.
    pub fn rung(&self) -> Rung {
        self.zygote.rung()
    }

    /// Whether jobs of a toolchain can run here at all.
    pub async fn admit(&self, toolchain: &Toolchain) -> Result<(), Failure> {
        self.view(toolchain).await.map(drop)
    }

    async fn view(&self, toolchain: &Toolchain) -> Result<View, Failure> {
        if self.rung().takes_any_toolchain() {
            return Ok(View::Toolchain(toolchain.root.clone()));
        }
        let installed = self.installed.clone().ok_or(Failure::NobodyKnows)?;
        let toolchain = toolchain.clone();
        let asked = spawn_blocking(move || installed(&toolchain)).await;
        Ok(View::Installed(asked.map_err(io::Error::other)??))
    }

    /// Runs the compiler of a toolchain, which must stay until this ends.
    ///
    /// The compiler is started at once and reads the source as it comes. There is no result before
    /// [`Source::End`], even if the compiler ends early: icecream's clients read nothing while they
    /// send, and an answer with a closed connection would reach them as a broken connection. A
    /// channel that is closed, before that or after, means that the client is gone.
    ///
    /// Dropping the future kills the job.
    pub async fn run(
        self,
        order: Order,
        toolchain: impl Into<Toolchain>,
        source: mpsc::Receiver<Source>,
        bounds: Bounds,
    ) -> Result<Finished, Failure> {
        let (_keep, evicted) = oneshot::channel();
        let overseer = Overseer {
            used: watch::Sender::new(0),
            evicted,
        };
        self.run_overseen(order, toolchain, source, bounds, overseer)
            .await
    }

    /// The same, with somebody who sees to the memory of all jobs.
    pub async fn run_overseen(
        self,
        order: Order,
        toolchain: impl Into<Toolchain>,
        mut source: mpsc::Receiver<Source>,
        bounds: Bounds,
        overseer: Overseer,
    ) -> Result<Finished, Failure> {
        let Overseer { used, mut evicted } = overseer;
        let toolchain = toolchain.into();
        let root = &toolchain.root;
        let rung = self.rung();
        let view = match order.files {
            Some(_) if rung.has_mounts() => View::Tree {
                root: root.clone(),
                scratch: SCRATCH.into(),
            },
            Some(_) => return Err(BadOrder::Files("this host lays out none").into()),
            None => self.view(&toolchain).await?,
        };
        let place =
            |directories: &[PathBuf]| self.scratches.place(rung, root, bounds.room, directories);
        // Where it is decides how the command reads, and the command which directories it has.
        let (place, command) = if rung.has_mounts() {
            let scratch = match order.files {
                Some(_) => SCRATCH,
                None => "/tmp",
            };
            let command = command::command(&order, Path::new(scratch))?;
            (place(&command.directories)?, command)
        } else {
            let bare = place(&[])?;
            let command = command::command(&order, &bare.scratch().inside(&view))?;
            bare.furnish(&command.directories)?;
            (bare, command)
        };
        let program = Program {
            view,
            arguments: command.arguments.clone(),
            directory: command.directory.clone(),
            environment: command.environment.clone(),
            limits: bounds.on_disk(),
            terminal: order.files.as_ref().is_some_and(|files| files.terminal),
        };
        let (child, streams) = Child::start(&self.zygote, program, place).await?;

        let (fed, complete) = oneshot::channel();
        let client = async {
            let count = streams::feed(&mut source, streams.stdin, bounds.source_gap).await?;
            // Nobody listens when the compile has failed meanwhile.
            let _ = fed.send(count);
            streams::hung_up(&mut source).await;
            Err(Failure::ClientGone)
        };
        let compile = async {
            let ended = child.end(streams.stdout, streams.stderr, bounds.said, &used);
            let mut ended = std::pin::pin!(ended);
            let (outcome, said) = tokio::select! {
                biased;
                ended = &mut ended => ended?,
                _ = &mut evicted => {
                    child.kill();
                    ended.await?;
                    return Err(Failure::Evicted);
                }
            };
            // Its files are left, and they can make way too.
            used.send_replace(0);
            tokio::select! {
                biased;
                count = complete => Ok((outcome, said, count.map_err(|_| Failure::ClientGone)?)),
                _ = &mut evicted => Err(Failure::Evicted),
            }
        };
        let (outcome, said, source_len) = tokio::select! {
            biased;
            result = compile => result,
            gone = client => gone,
            () = child.stay_within(bounds.deadline, self.frozen.subscribe()) => Err(Failure::Deadline),
        }?;
        let place = child.into_place()?;
        // An upgrade in place may have come in between.
        if !rung.takes_any_toolchain() {
            self.admit(&toolchain).await?;
        }
        verdict::judge(&command, place, outcome, said, source_len, &bounds.limits)
    }

    /// Whether programs of a toolchain run here: icecream's test is `/bin/true`.
    pub async fn verify(&self, toolchain: impl Into<Toolchain>) -> Result<bool, Failure> {
        let toolchain = toolchain.into();
        let bounds = Bounds::default();
        let view = self.view(&toolchain).await?;
        let place = self
            .scratches
            .place(self.rung(), &toolchain.root, bounds.room, &[])?;
        let program = Program {
            view,
            arguments: vec![c"/bin/true".into()],
            directory: PathBuf::from("/"),
            environment: Vec::new(),
            limits: bounds.limits,
            terminal: false,
        };
        let (child, streams) = Child::start(&self.zygote, program, place).await?;
        drop(streams.stdin);
        let (outcome, _) = timeout(
            VERIFY_LIMIT,
            child.end(
                streams.stdout,
                streams.stderr,
                bounds.said,
                &watch::Sender::new(0),
            ),
        )
        .await
        .map_err(|_| Failure::Deadline)??;
        match outcome.ended {
            Ended::Exited(status) => Ok(status == 0),
            Ended::Signalled(_) | Ended::OutOfMemory | Ended::OutOfDisk => Ok(false),
            Ended::NotStarted(error) => Err(Failure::NotStarted(error)),
        }
    }
}
