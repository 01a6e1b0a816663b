//! A sandboxed program between its start and its end.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbox::{Job, Limits, Lost, Outcome, Running, SpawnError, View, Word, ZygoteClient};
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Failure;
use super::scratch::Place;
use super::streams::{self, Said};

/// The helper empties its queue in well under a millisecond per request; if it has not for these
/// many attempts, ten seconds, it hangs.
const ATTEMPTS: u32 = 5000;
const PAUSE: Duration = Duration::from_millis(2);

/// The kernel kills a job's processes in microseconds, unless one waits for a broken disk.
const DEATH_LIMIT: Duration = Duration::from_secs(60);

/// What to run.
pub(super) struct Program {
    pub(super) view: View,
    pub(super) arguments: Vec<CString>,
    pub(super) directory: PathBuf,
    /// `NAME=value`, beyond what every job has.
    pub(super) environment: Vec<CString>,
    pub(super) limits: Limits,
    /// Standard error is a terminal.
    pub(super) terminal: bool,
}

/// Our ends.
pub(super) struct Streams {
    pub(super) stdin: pipe::Sender,
    pub(super) stdout: pipe::Receiver,
    pub(super) stderr: pipe::Receiver,
}

/// Whenever it is dropped, the job is killed and its directory removed.
pub(super) struct Child(Option<(AsyncFd<Running>, Place)>);

impl Child {
    pub(super) async fn start(
        zygote: &ZygoteClient,
        program: Program,
        place: Place,
    ) -> Result<(Self, Streams), Failure> {
        let (stdin, our_stdin) = streams::input()?;
        let (stdout, our_stdout) = streams::output()?;
        let (stderr, our_stderr) = match program.terminal {
            true => streams::terminal()?,
            false => streams::output()?,
        };
        let mut environment = environment(&place.scratch().inside(&program.view))?;
        environment.extend(program.environment);
        let job = Job {
            view: program.view,
            scratch: place.scratch().clone(),
            arguments: program.arguments,
            environment,
            directory: program.directory,
            stdin,
            stdout,
            stderr,
            limits: program.limits,
        };
        let running = register(spawn(zygote, &job).await?)?;
        Ok((
            Self(Some((running, place))),
            Streams {
                stdin: our_stdin,
                stdout: our_stdout,
                stderr: our_stderr,
            },
        ))
    }

    /// The program's end and what it said before; `None` when it was stopped for saying too much.
    pub(super) async fn end(
        &self,
        stdout: pipe::Receiver,
        stderr: pipe::Receiver,
        most_said: usize,
        used: &watch::Sender<u64>,
    ) -> Result<(Outcome, Option<Said>), Failure> {
        let (running, _) = self.0.as_ref().ok_or(Lost)?;
        let listened = async {
            let said = streams::listen(stdout, stderr, most_said).await?;
            if said.is_none() {
                running.get_ref().kill();
            }
            Ok(said)
        };
        tokio::try_join!(outcome(running, used), listened)
    }

    /// Stops the job and lets it go on as `frozen` says, and ends when it has run for `limit`.
    pub(super) async fn stay_within(&self, limit: Duration, mut frozen: watch::Receiver<bool>) {
        let Some((running, _)) = &self.0 else {
            return;
        };
        let mut left = limit;
        loop {
            if *frozen.borrow_and_update() {
                running.get_ref().freeze();
                let Ok(()) = frozen.changed().await else {
                    return;
                };
                if !*frozen.borrow() {
                    running.get_ref().thaw();
                }
                continue;
            }
            let began = Instant::now();
            match timeout(left, frozen.changed()).await {
                Ok(Ok(())) => left = left.saturating_sub(began.elapsed()),
                // The time is over, or the executor has gone.
                _ => return,
            }
        }
    }

    /// Its end comes as that of any other.
    pub(super) fn kill(&self) {
        if let Some((running, _)) = &self.0 {
            running.get_ref().kill();
        }
    }

    /// The directory of a job that has ended.
    pub(super) fn into_place(mut self) -> Result<Place, Failure> {
        let (_, place) = self.0.take().ok_or(Lost)?;
        Ok(place)
    }
}

/// Compilers keep their temporary files in /tmp unless told otherwise.
fn environment(scratch: &Path) -> Result<Vec<CString>, Failure> {
    let mut environment = vec![c"PATH=/usr/bin".into()];
    if scratch != Path::new("/tmp") {
        let mut variable = OsString::from("TMPDIR=");
        variable.push(scratch);
        let variable = CString::new(variable.into_vec()).map_err(std::io::Error::from)?;
        environment.push(variable);
    }
    Ok(environment)
}

async fn spawn(zygote: &ZygoteClient, job: &Job) -> Result<Running, Failure> {
    for _ in 0..ATTEMPTS {
        match zygote.spawn(job) {
            Err(SpawnError::Busy) => sleep(PAUSE).await,
            result => return result.map_err(Failure::Spawn),
        }
    }
    Err(Failure::Spawn(SpawnError::Busy))
}

#[expect(
    deprecated,
    reason = "the replacement is unsafe; a Running owns its descriptor and never changes it"
)]
fn register(running: Running) -> std::io::Result<AsyncFd<Running>> {
    AsyncFd::new(running)
}

/// Passes on what the job has in memory meanwhile.
async fn outcome(
    running: &AsyncFd<Running>,
    used: &watch::Sender<u64>,
) -> Result<Outcome, Failure> {
    loop {
        let mut ready = running.readable().await?;
        match ready.get_inner().try_read()? {
            Some(Word::Ended(outcome)) => return Ok(outcome),
            Some(Word::Memory(bytes)) => drop(used.send_replace(bytes)),
            None => ready.clear_ready(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some((running, place)) = self.0.take() else {
            return;
        };
        running.get_ref().kill();
        // While a process of the job lives it may make new files, so the directory goes after it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let nobody = watch::Sender::new(0);
                let _ = timeout(DEATH_LIMIT, outcome(&running, &nobody)).await;
                drop(place);
            });
        }
    }
}
