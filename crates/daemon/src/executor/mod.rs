//! Runs one foreign job: a compiler of another host's, in a sandbox, on text that arrives while
//! it runs.
//!
//! It does what icecream's executors do and what their clients rely on. Different on purpose: no `--param ggc-…` (it shows in the debug
//! information), and a compiler that a signal killed asks the client to compile again.

mod child;
mod command;
mod failure;
mod order;
mod scratch;
mod streams;
mod verdict;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sandbox::{Ended, Limits, ZygoteClient};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

pub use failure::Failure;
pub use order::{BadOrder, Order};
pub use verdict::{Finished, Output, STATUS_KILLED};

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
}

impl Default for Bounds {
    fn default() -> Self {
        let limits = Limits {
            address_space: None,
            file_size: Some(2 << 30),
            processes: Some(64),
            open_files: Some(1024),
            cpu_seconds: Some(3600),
            nice: 5,
        };
        Self {
            limits,
            source_gap: Duration::from_secs(60),
            deadline: Duration::from_secs(2 * 3600),
        }
    }
}

/// `/bin/true` needs a millisecond.
const VERIFY_LIMIT: Duration = Duration::from_secs(20);

/// Makes sandboxes for foreign jobs below a directory of its own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Executor {
    zygote: ZygoteClient,
    scratches: Arc<Scratches>,
}

impl Executor {
    /// Takes over `<base>/scratch` and empties it: what is there belonged to jobs of an earlier
    /// daemon. The directory must belong to the daemon's user.
    pub fn new(zygote: ZygoteClient, base: &Path) -> io::Result<Self> {
        Ok(Self {
            zygote,
            scratches: Arc::new(Scratches::new(base)?),
        })
    }

    /// Runs the compiler of the toolchain at `root`, which must stay until this ends.
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
        root: PathBuf,
        mut source: mpsc::Receiver<Source>,
        bounds: Bounds,
    ) -> Result<Finished, Failure> {
        let place = self.scratches.place()?;
        let command = command::prepare(&order, place.path())?;
        let program = Program {
            root,
            arguments: command.arguments.clone(),
            directory: command.directory.clone(),
            limits: bounds.limits,
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
            let (outcome, said) = child.end(streams.stdout, streams.stderr).await?;
            let count = complete.await.map_err(|_| Failure::ClientGone)?;
            Ok((outcome, said, count))
        };
        let (outcome, said, source_len) = tokio::select! {
            biased;
            result = compile => result,
            gone = client => gone,
            () = sleep(bounds.deadline) => Err(Failure::Deadline),
        }?;
        verdict::judge(
            &command,
            child.into_place()?,
            &outcome,
            said,
            source_len,
            &bounds.limits,
        )
    }

    /// Whether programs of the toolchain at `root` run here: icecream's test is `/bin/true`.
    pub async fn verify(&self, root: PathBuf) -> Result<bool, Failure> {
        let program = Program {
            root,
            arguments: vec![c"/bin/true".into()],
            directory: PathBuf::from("/"),
            limits: Bounds::default().limits,
        };
        let (child, streams) = Child::start(&self.zygote, program, self.scratches.place()?).await?;
        drop(streams.stdin);
        let (outcome, _) = timeout(VERIFY_LIMIT, child.end(streams.stdout, streams.stderr))
            .await
            .map_err(|_| Failure::Deadline)??;
        match outcome.ended {
            Ended::Exited(status) => Ok(status == 0),
            Ended::Signalled(_) => Ok(false),
            Ended::NotStarted(error) => Err(Failure::NotStarted(error)),
        }
    }
}
