//! Why a daemon cannot start. Each message names the thing, the cause and the next step.

use std::io;
use std::path::PathBuf;

use sandbox::privileges::PrivilegeError;
use toolchain::OpenError;
use transport::ListenError;

/// The operator's to mend; trying again without a change does not help.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(
        "there is no place for the socket of local clients: HOME is not set; set it, or ICECC_TEST_SOCKET"
    )]
    NoSocketPlace,
    #[error("cannot make the directory {} for the socket of local clients: {cause}", path.display())]
    SocketDir { path: PathBuf, cause: io::Error },
    #[error("cannot use the base directory {}: {cause}; name a directory with -b that the daemon's account may write to", path.display())]
    BaseDir { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    Toolchains(#[from] OpenError),
    #[error("the kernel calls this machine by an odd name: {0}")]
    Platform(job::InvalidName),
    #[error("cannot run under the daemon's account: {0}")]
    Privileges(PrivilegeError),
    #[error("cannot start the daemon's inner works: {0}")]
    Runtime(io::Error),
}
