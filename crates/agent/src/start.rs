//! Starting the agent: from a wrapper, which hands over the listening socket as standard input, or
//! by hand.

use std::env;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::job::variable;
use handover::{NoAgent, RuntimeDir};
use rustix::process::Signal;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::burden;
use crate::cluster::own_platform;
use crate::hub::{Hub, Owner};
use crate::shared::Shared;
use crate::state::State;
use crate::toolbox::Toolbox;

/// Without a wrapper for this long the agent leaves.
const IDLE: Duration = Duration::from_secs(300);

/// The same for an agent that bears what its starter gave it (`nice make`): the next build shall
/// start one of its own.
const BURDENED_IDLE: Duration = Duration::from_secs(1);

/// Threads that read preprocessors and write results; far more than one per core only when disks
/// or network file systems are slow.
const MAX_THREADS: usize = 256;

/// What an agent needs to know.
#[derive(Debug)]
pub struct Config {
    /// Where wrappers connect.
    pub listener: OwnedFd,
    pub dir: RuntimeDir,
    /// Where the job log is kept; `None` for a user without a home.
    pub log: Option<PathBuf>,
    /// Where packed toolchains are kept.
    pub cache: PathBuf,
    /// This program, which tries them when it is called for that; `None`: they are not tried.
    pub prover: Option<PathBuf>,
    pub idle: Duration,
    /// Preprocessors at a time, and compilers where no daemon counts.
    pub cores: usize,
}

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Place(#[from] NoAgent),
    #[error("an agent is already running in {}; `floe agent --stop` ends it", .0.display())]
    AlreadyRunning(PathBuf),
    #[error("the agent could not start: {0}")]
    Start(#[source] io::Error),
}

impl Config {
    /// As this process was started: standard input is the listening socket if a wrapper made one,
    /// and then whatever else the wrapper had open is closed. To be called before anything else
    /// opens a file.
    pub fn from_environment() -> Result<Self, AgentError> {
        let stdin = io::stdin();
        let by_wrapper = handover::meet::is_listening(&stdin);
        if by_wrapper {
            sandbox::close_inherited().map_err(|error| AgentError::Start(error.into()))?;
        }
        let dir = RuntimeDir::open().map_err(NoAgent::from)?;
        let listener = if by_wrapper {
            stdin
                .as_fd()
                .try_clone_to_owned()
                .map_err(AgentError::Start)?
        } else {
            let made = handover::meet::listen(&dir)?;
            made.ok_or_else(|| AgentError::AlreadyRunning(dir.path().to_owned()))?
        };
        let idle = env::var(variable::FLOE_AGENT_IDLE)
            .ok()
            .and_then(|text| text.parse().ok())
            .map_or(IDLE, Duration::from_secs);
        let burdened = by_wrapper && burden::remains();
        Ok(Self {
            listener,
            cache: cache_dir(&dir),
            // Holds even when the file was replaced.
            prover: Some("/proc/self/exe".into()),
            dir,
            log: handover::state_dir(),
            idle: if burdened {
                idle.min(BURDENED_IDLE)
            } else {
                idle
            },
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }
}

/// `$FLOE_CACHE_DIR`, `$XDG_CACHE_HOME/floe`, `~/.cache/floe`, or the runtime directory for a user
/// without a home.
fn cache_dir(dir: &RuntimeDir) -> PathBuf {
    let named = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    named(variable::FLOE_CACHE_DIR)
        .or_else(|| named("XDG_CACHE_HOME").map(|base| base.join("floe")))
        .or_else(|| named("HOME").map(|home| home.join(".cache/floe")))
        .unwrap_or_else(|| dir.path().join("cache"))
}

/// Runs until nobody has needed the agent for a while, or somebody stops it.
pub fn run(config: Config) -> Result<(), AgentError> {
    // Of the build that happened to start it the agent keeps nothing: neither its terminal, nor its
    // directory. A leader of a process group, started by hand, may keep its session.
    let _ = rustix::process::setsid();
    env::set_current_dir("/").map_err(AgentError::Start)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_THREADS)
        .build()
        .map_err(AgentError::Start)?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), AgentError> {
    // Once somebody listens to it, a file that grows beyond a limit fails a write, not the agent.
    let too_large = SignalKind::from_raw(Signal::XFSZ.as_raw());
    let _heard = signal(too_large).map_err(AgentError::Start)?;
    let listener = StdListener::from(config.listener);
    listener.set_nonblocking(true).map_err(AgentError::Start)?;
    let listener = UnixListener::from_std(listener).map_err(AgentError::Start)?;
    let (hub, events) = Hub::channel();
    let toolbox = Toolbox::open(config.cache, own_platform(), config.prover);
    info!(
        "serving the wrappers that meet in {}",
        config.dir.path().display()
    );
    let owner = Owner {
        state: State::new(config.cores, config.idle, Instant::now()),
        events,
        shared: Arc::new(Shared::new(hub, toolbox)),
        listener: Some(listener),
        dir: config.dir,
        log: config.log,
    };
    owner.run().await
}
