//! The start of a daemon, as root or not: directories, listening sockets, and then no root any more.
//!
//! Everything here happens before the program has threads: the sandbox's helper is forked when the
//! sockets are bound, and keeps root only where sandboxes cannot be made without.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode};
use sandbox::privileges::{self, PrivilegeError};
use store::{Base, OpenError};

use crate::config::Config;
use crate::credentials::Users;
use crate::error::DaemonError;

/// Where icecream's clients look first, in the system's daemon's directory.
const SYSTEM_SOCKET: &str = "/var/run/icecc/iceccd.socket";
/// The account of a daemon that root started, and what is used where there is no such account.
const USER: &str = "icecc";
const FALLBACK: (u32, u32) = (65534, 65533);
const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// As if the process had half of all memory less than it has.
const OOM_SCORE: &str = "-500";

/// Everything that a daemon listens on.
#[derive(Debug)]
pub struct Sockets {
    pub(crate) unix: UnixListener,
    pub(crate) unix_path: PathBuf,
    pub(crate) tcp: Vec<TcpListener>,
    pub(crate) users: Users,
}

/// Makes the directories, binds the sockets, and gives up root's rights if there are any.
///
/// Call it before the program starts threads, then start the sandbox's zygote, then [`crate::run`].
pub fn prepare(config: &Config) -> Result<Sockets, DaemonError> {
    prepare_with(config, |_| ()).map(|(sockets, ())| sockets)
}

/// The same, with something to do just before root is given up: starting the sandbox's zygote,
/// which may have to keep it. It is told whose account the daemon will use if root started it.
pub fn prepare_with<T>(
    config: &Config,
    last_as_root: impl FnOnce(Option<(u32, u32)>) -> T,
) -> Result<(Sockets, T), DaemonError> {
    // Archives of compilers are for every user of this host to read.
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let root = privileges::is_root();
    let (user, fallback) = user(config);
    let owner = account(user, fallback)?;
    prepare_base_dir(&config.base_dir, owner)?;
    let unix_path = socket_path(config, root)?;
    if root && config.socket.is_none() {
        prepare_socket_dir(&unix_path, owner)?;
    }
    let users = match owner {
        Some((account, _)) => Users::AllBut(account),
        None => Users::Only(rustix::process::geteuid().as_raw()),
    };
    let sockets = bind(config, unix_path, users)?;
    stand_back_from_the_killer();
    let made = last_as_root(owner);
    if root {
        let (uid, gid) = privileges::drop_to(user, fallback).map_err(DaemonError::Privileges)?;
        tracing::debug!("running as user {uid}, group {gid}");
    }
    let usable = rustix::fs::access(&config.base_dir, Access::READ_OK | Access::WRITE_OK);
    usable.map_err(|errno| base_dir(&config.base_dir, errno.into()))?;
    Ok((sockets, made))
}

/// When memory ends the kernel is to take a job, which says so of itself, and not this process or
/// the sandbox's helper. Only root may say this; without it the jobs' own word has to do (proc(5)).
fn stand_back_from_the_killer() {
    let _not_allowed = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
}

/// A name that somebody chose is meant; only Debian's account may be missing.
fn user(config: &Config) -> (&str, Option<(u32, u32)>) {
    match &config.user {
        Some(user) => (user, None),
        None => (USER, Some(FALLBACK)),
    }
}

/// User and group of the account that a daemon started by root becomes; none for a daemon that an
/// ordinary user starts, which stays who it is but, as icecream's, does not take a wrong name.
fn account(user: &str, fallback: Option<(u32, u32)>) -> Result<Option<(u32, u32)>, DaemonError> {
    match privileges::account(user, fallback) {
        Err(error @ PrivilegeError::Unknown { .. }) => Err(DaemonError::Privileges(error)),
        _ if !privileges::is_root() => Ok(None),
        found => found.map(Some).map_err(DaemonError::Privileges),
    }
}

/// The account of a daemon that is given none.
pub fn usual_account() -> Result<Option<(u32, u32)>, DaemonError> {
    account(USER, Some(FALLBACK))
}

fn socket_path(config: &Config, root: bool) -> Result<PathBuf, DaemonError> {
    if let Some(path) = &config.socket {
        return Ok(path.clone());
    }
    if root {
        return Ok(SYSTEM_SOCKET.into());
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    home.map(|home| Path::new(&home).join(".iceccd.socket"))
        .ok_or(DaemonError::NoSocketPlace)
}

/// Makes the base directory if it is missing. What is in it stays; only a directory that is new or
/// empty is handed to the daemon's account.
fn prepare_base_dir(path: &Path, owner: Option<(u32, u32)>) -> Result<(), DaemonError> {
    let account = owner.map_or_else(|| rustix::process::geteuid().as_raw(), |(user, _)| user);
    let base = Base::open(path, account).map_err(|error| match error {
        OpenError::Unusable { source, .. } => base_dir(path, source),
        error => error.into(),
    })?;
    if let Some((user, group)) = owner {
        (base.give_to(user, group)).map_err(|cause| base_dir(path, cause))?;
    }
    Ok(())
}

fn prepare_socket_dir(socket: &Path, owner: Option<(u32, u32)>) -> Result<(), DaemonError> {
    let Some(directory) = socket.parent() else {
        return Ok(());
    };
    let failed = |cause| DaemonError::SocketDir {
        path: directory.to_owned(),
        cause,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(failed)?;
    if let Some((uid, gid)) = owner {
        std::os::unix::fs::chown(directory, Some(uid), Some(gid)).map_err(failed)?;
    }
    Ok(())
}

fn base_dir(path: &Path, cause: std::io::Error) -> DaemonError {
    DaemonError::BaseDir {
        path: path.to_owned(),
        cause,
    }
}

/// Binds with a runtime of this moment: one without threads.
fn bind(config: &Config, unix_path: PathBuf, users: Users) -> Result<Sockets, DaemonError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(DaemonError::Runtime)?.block_on(async {
        // The system's daemon serves every user of the host, a private one its own.
        let mode = match users {
            Users::AllBut(_) => 0o777,
            Users::Only(_) => 0o700,
        };
        let unix = transport::listen_unix(&unix_path, mode).await?;
        let unix = unix.into_std().map_err(DaemonError::Runtime)?;
        let mut tcp = Vec::new();
        if !config.no_remote {
            let listeners = match (config.ipv6, addresses(config).as_slice()) {
                (false, []) => transport::listen_all(&[ANY], config.port)?,
                (_, given) => transport::listen_all(given, config.port)?,
            };
            for listener in listeners {
                tcp.push(listener.into_std().map_err(DaemonError::Runtime)?);
            }
        }
        Ok(Sockets {
            unix,
            unix_path,
            tcp,
            users,
        })
    })
}

/// A daemon that is bound to some addresses also answers on 127.0.0.1, except when one of them is itself one
/// of the loopback's: then it has neighbours there.
fn addresses(config: &Config) -> Vec<IpAddr> {
    let mut addresses = config.listen.clone();
    let is_all = |address: &IpAddr| address.is_unspecified() || address.is_loopback();
    if !addresses.is_empty() && !addresses.iter().any(is_all) {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_account_must_exist_and_the_usual_one_need_not() {
        let mut config = Config::new("/nowhere".into());
        let (usual, fallback) = user(&config);
        assert!(account(usual, fallback).is_ok());
        config.user = Some("nosuchuser".to_owned());
        let (chosen, fallback) = user(&config);
        let error = account(chosen, fallback).unwrap_err().to_string();
        assert!(
            error.contains("nosuchuser") && error.contains("-u"),
            "{error}"
        );
    }

    #[test]
    fn a_bound_daemon_also_listens_on_loopback_unless_it_is_there_already() {
        let listening = |given: &[&str]| {
            let listen = given.iter().map(|it| it.parse().unwrap()).collect();
            let config = Config {
                listen,
                ..Config::new("/nowhere".into())
            };
            let addresses = addresses(&config);
            addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert!(listening(&[]).is_empty());
        assert_eq!(listening(&["10.0.0.1"]), ["10.0.0.1", "127.0.0.1"]);
        assert_eq!(listening(&["fd00::1"]), ["fd00::1", "127.0.0.1"]);
        assert_eq!(listening(&["127.0.0.5"]), ["127.0.0.5"]);
    }
}
