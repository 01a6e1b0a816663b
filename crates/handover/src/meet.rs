//! How a wrapper finds its agent, and how exactly one agent comes into being.
//!
//! The wrapper that finds nobody listening takes the lock, makes the listening socket itself and
//! hands it to the agent that it starts. From then on the kernel's backlog holds every wrapper
//! until the agent accepts: nobody waits for the agent to get ready, and 64 wrappers at once start
//! one agent. An agent that leaves takes the same lock.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use job::variable;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::place::{PlaceError, RuntimeDir};
use crate::program;

const SOCKET: &str = "agent.sock";
const LOCK: &str = "agent.lock";
const LOG: &str = "agent.log";

/// The agent's log starts anew at this size.
const LOG_LIMIT: u64 = 1 << 20;

/// Wrappers that wait for the agent to accept them. The kernel cuts it to `somaxconn`.
const BACKLOG: i32 = 4096;

/// How long another wrapper may hold the lock: making a socket and starting a program take a few
/// milliseconds, on a machine in distress perhaps a second.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// What the agent gets of its starter's environment: the rest belongs to one build.
const INHERITED: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "TMPDIR",
    "LANG",
    "RUST_BACKTRACE",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    variable::FLOE_RUNTIME_DIR,
    // Names the test cluster that the agent belongs to, and ends with.
    variable::FLOE_LAB,
    variable::FLOE_STATE_DIR,
    variable::FLOE_CACHE_DIR,
    variable::FLOE_PROGRAM,
    variable::FLOE_AGENT_IDLE,
    variable::FLOE_LOG,
];

/// Why there is no agent to talk to. The build goes on without.
#[derive(Debug, thiserror::Error)]
pub enum NoAgent {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("no agent is running")]
    NotRunning,
    #[error(
        "the floe program was found neither beside this one, nor in PATH, nor in /usr/bin; install it or set {}",
        variable::FLOE_PROGRAM
    )]
    NoProgram,
    #[error("{program}: cannot be started as agent: {source}")]
    Spawn { program: PathBuf, source: io::Error },
    #[error("{place}: {what} failed: {source}")]
    Socket {
        place: PathBuf,
        what: &'static str,
        source: Errno,
    },
    #[error("{place}/{LOCK}: held by another process for over {LOCK_PATIENCE:?}")]
    Locked { place: PathBuf },
}

/// Connects to the agent if one is running.
pub fn connect(dir: &RuntimeDir) -> Result<UnixStream, NoAgent> {
    UnixStream::connect(dir.short(SOCKET)).map_err(|_| NoAgent::NotRunning)
}

/// Connects to the agent, starting one if none is running.
pub fn connect_or_start() -> Result<UnixStream, NoAgent> {
    let dir = RuntimeDir::open()?;
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        if let Ok(stream) = connect(&dir) {
            return Ok(stream);
        }
        if let Some(_lock) = try_lock(&dir)? {
            if let Ok(stream) = connect(&dir) {
                return Ok(stream);
            }
            start_agent(&dir)?;
            return connect(&dir);
        }
        if start.elapsed() > LOCK_PATIENCE {
            return Err(NoAgent::Locked {
                place: dir.path().to_owned(),
            });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Makes the listening socket for an agent that was started by hand. `None`: one is running.
pub fn listen(dir: &RuntimeDir) -> Result<Option<OwnedFd>, NoAgent> {
    let Some(_lock) = try_lock(dir)? else {
        return Err(NoAgent::Locked {
            place: dir.path().to_owned(),
        });
    };
    if connect(dir).is_ok() {
        return Ok(None);
    }
    make_socket(dir).map(Some)
}

/// Takes the socket's name away, so that later wrappers start another agent. Wrappers that are
/// already in the backlog must still be accepted. `false`: a wrapper holds the lock just now; try
/// again later.
pub fn retire(dir: &RuntimeDir) -> Result<bool, NoAgent> {
    let Some(_lock) = try_lock(dir)? else {
        return Ok(false);
    };
    remove_socket(dir)?;
    Ok(true)
}

/// The lock, held while the returned descriptor lives; `None` while somebody else has it.
fn try_lock(dir: &RuntimeDir) -> Result<Option<OwnedFd>, NoAgent> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::openat(&dir.fd, LOCK, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|source| broken(dir, "opening the lock", source))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
        Err(source) => Err(broken(dir, "locking", source)),
    }
}

fn remove_socket(dir: &RuntimeDir) -> Result<(), NoAgent> {
    match rustix::fs::unlinkat(&dir.fd, SOCKET, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(source) => Err(broken(dir, "removing the old socket", source)),
    }
}

fn make_socket(dir: &RuntimeDir) -> Result<OwnedFd, NoAgent> {
    remove_socket(dir)?;
    let make = || {
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        // The name gets the socket's own mode, less the caller's umask: it is nobody else's from
        // the first moment. Then an odd umask is made up for.
        let private = Mode::RUSR | Mode::WUSR;
        rustix::fs::fchmod(&socket, private)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(dir.short(SOCKET))?)?;
        rustix::fs::chmodat(&dir.fd, SOCKET, private, AtFlags::empty())?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(socket)
    };
    make().map_err(|source| broken(dir, "making the socket", source))
}

fn start_agent(dir: &RuntimeDir) -> Result<(), NoAgent> {
    let program = program::floe().ok_or(NoAgent::NoProgram)?;
    let socket = make_socket(dir)?;
    let kept = INHERITED
        .iter()
        .filter_map(|name| Some((*name, env::var_os(name)?)));
    let spawned = Command::new(&program)
        .arg("agent")
        .env_clear()
        .envs(kept)
        .current_dir("/")
        .process_group(0)
        .stdin(socket)
        .stdout(Stdio::null())
        .stderr(open_log(dir))
        .spawn();
    spawned.map(drop).map_err(|source| {
        // Without its socket the next wrapper sees at once that nobody is there.
        let _ = remove_socket(dir);
        NoAgent::Spawn { program, source }
    })
}

fn open_log(dir: &RuntimeDir) -> Stdio {
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match rustix::fs::openat(&dir.fd, LOG, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => {
            let file = fs::File::from(file);
            if file.metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT) {
                let _ = file.set_len(0);
            }
            file.into()
        }
        Err(_) => Stdio::null(),
    }
}

fn broken(dir: &RuntimeDir, what: &'static str, source: Errno) -> NoAgent {
    NoAgent::Socket {
        place: dir.path().to_owned(),
        what,
        source,
    }
}

/// Whether `fd` is a listening socket: how an agent knows that a wrapper started it.
pub fn is_listening(fd: impl AsFd) -> bool {
    rustix::net::sockopt::socket_acceptconn(fd).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    #[test]
    fn one_listens_and_the_other_learns_it() {
        let base = tempfile::tempdir().unwrap();
        // Longer than a socket address allows.
        let long = base.path().join("d".repeat(120));
        let dir = RuntimeDir::at(long).unwrap();
        assert!(matches!(connect(&dir), Err(NoAgent::NotRunning)));
        let socket = listen(&dir).unwrap().expect("nobody was there");
        assert!(is_listening(&socket));
        connect(&dir).unwrap();
        assert!(listen(&dir).unwrap().is_none());

        // Those already connected are still accepted after the agent retired; nobody new finds it.
        assert!(retire(&dir).unwrap());
        assert!(connect(&dir).is_err());
        let listener = UnixListener::from(socket);
        listener.set_nonblocking(true).unwrap();
        listener.accept().unwrap();
    }

    #[test]
    fn the_socket_is_the_users_alone() {
        let base = tempfile::tempdir().unwrap();
        let dir = RuntimeDir::at(base.path().join("floe")).unwrap();
        let _socket = listen(&dir).unwrap();
        let meta = fs::metadata(base.path().join("floe").join(SOCKET)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let base = tempfile::tempdir().unwrap();
        let dir = RuntimeDir::at(base.path().join("floe")).unwrap();
        drop(listen(&dir).unwrap());
        assert!(connect(&dir).is_err());
        let _socket = listen(&dir)
            .unwrap()
            .expect("the dead socket does not count");
        connect(&dir).unwrap();
    }

    #[test]
    fn who_retires_waits_for_the_lock() {
        let base = tempfile::tempdir().unwrap();
        let dir = RuntimeDir::at(base.path().join("floe")).unwrap();
        let _socket = listen(&dir).unwrap();
        let lock = try_lock(&dir).unwrap().expect("free");
        assert!(!retire(&dir).unwrap());
        drop(lock);
        assert!(retire(&dir).unwrap());
    }
}
