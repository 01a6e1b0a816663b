//! A toolchain on its way to an executor that lacks it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use icecream::{Message, TransferEnv, VerifyEnv};
use job::Reason;
use membership::Role;
use tokio::sync::Semaphore;
use transport::{Channel, Options, Passport};

use super::executor::{early, finish, stream};
use super::{Effort, broken, next};
use crate::cluster::{Failure, Toolchain};
use crate::text::{Order, Source, Text};
use crate::toolbox::Toolbox;

const CONNECT: Duration = Duration::from_secs(10);
/// Unpacking and trying a toolchain, after its last byte was sent.
const VERIFY: Duration = Duration::from_secs(120);
/// The protocol version from which on executors may read zstd (icecream 1.3).
const KNOWS_ZSTD: u32 = 42;

/// The way to an executor.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) slow_network: bool,
    pub(crate) passport: Passport,
}

impl Door {
    pub(super) async fn open(&self) -> Result<Channel, Failure> {
        let options = Options {
            slow_network: self.slow_network,
            ..Options::default()
        };
        let address = self.address;
        let connected = self
            .passport
            .connect(Role::Execute, address, CONNECT, None, options)
            .await;
        connected.map_err(|error| Failure::elsewhere(Reason::ConnectFailed, error.to_string()))
    }
}

/// A toolchain for one executor.
pub(crate) struct Installation<'a> {
    /// Its name and platform there.
    pub(crate) name: String,
    pub(crate) platform: String,
    pub(crate) toolchain: &'a Toolchain,
    pub(crate) door: &'a Door,
    /// The memory that all texts share.
    pub(crate) budget: &'a Arc<Semaphore>,
    pub(crate) toolbox: &'a Toolbox,
}

/// It is not installed.
#[derive(Clone, Debug)]
pub(crate) struct NotInstalled {
    pub(crate) why: Failure,
    /// The executor has tried it, and never needs to be offered it again.
    pub(crate) is_unusable: bool,
}

impl From<Failure> for NotInstalled {
    fn from(why: Failure) -> Self {
        Self {
            why,
            is_unusable: false,
        }
    }
}

impl Installation<'_> {
    /// Installs on a connection of its own.
    pub(crate) async fn run(&self) -> Result<(), NotInstalled> {
        let mut executor = self.door.open().await?;
        self.over(&mut executor).await
    }

    /// Sends the toolchain's archive and waits until it is verified. Nobody says which compressions an
    /// executor reads: one that cannot make anything of ours gets it as gzip.
    pub(super) async fn over(&self, executor: &mut Channel) -> Result<(), NotInstalled> {
        let Some(gzipped) = self.toolchain.gzipped.clone() else {
            let archive = self.toolchain.path.clone();
            return self.transfer(executor, archive).await?.installed();
        };
        if executor.version().number() >= KNOWS_ZSTD {
            let archive = self.toolchain.path.clone();
            match self.transfer(executor, archive).await? {
                Received::Installed => return Ok(()),
                Received::Unread(refusal) if may_read_gzip(&refusal) => {}
                // It is either gone, or has closed the connection over what it could not read.
                Received::Cut(refusal) if may_read_gzip(&refusal) => {
                    *executor = self.door.open().await.map_err(|_| refused(refusal))?;
                }
                refusal => return refusal.installed(),
            }
        }
        let gone = |why: String| Failure::here(Reason::ToolchainFailed, why);
        let (name, path) = self.toolbox.gzipped(&gzipped).await.map_err(gone)?;
        if name != self.toolchain.name {
            return Err(gone("the compiler has just changed".to_owned()).into());
        }
        self.transfer(executor, path).await?.installed()
    }

    async fn transfer(
        &self,
        executor: &mut Channel,
        archive: PathBuf,
    ) -> Result<Received, NotInstalled> {
        let (name, target) = (self.name.clone(), self.platform.clone());
        let transfer = TransferEnv {
            name: name.clone(),
            target: target.clone(),
        };
        let sent = executor.send(&Message::TransferEnv(transfer)).await;
        sent.map_err(|error| refused(broken(&error)))?;
        let mut archive = Text::start(read(archive), self.budget);
        match stream(executor, &mut archive).await {
            Ok(()) => {}
            Err(failure) if failure.retry => return Ok(Received::Cut(failure)),
            Err(failure) => {
                let failure = Failure {
                    reason: Reason::ToolchainFailed,
                    ..failure
                };
                return Err(failure.into());
            }
        }
        let verify = VerifyEnv {
            name: name.clone(),
            target: target.clone(),
        };
        let asked = finish(executor, &[Message::End, Message::VerifyEnv(verify)]).await;
        if let Err(failure) = asked {
            return Ok(Received::Cut(failure));
        }
        const VERIFICATION: &str = "the toolchain's verification";
        match next(executor, VERIFY, VERIFICATION)
            .await
            .map_err(refused)?
        {
            Message::VerifyEnvResult(result) if result.ok => Ok(Received::Installed),
            Message::VerifyEnvResult(_) => {
                // One bit is all that icecream's answer has.
                let detail = "it would not unpack the toolchain's archive, the compiler in it does \
                    not run there, or is not the one installed there where no other is taken; the \
                    log of its daemon says which";
                Err(NotInstalled {
                    why: Failure::elsewhere(Reason::EnvironmentRefused, detail),
                    is_unusable: true,
                })
            }
            // It has no such toolchain, and says so: it did not unpack it.
            text @ Message::StatusText(_) => {
                let refusal = early(Ok(Some(text)));
                match next(executor, VERIFY, VERIFICATION).await {
                    Ok(Message::VerifyEnvResult(_)) => Ok(Received::Unread(refusal)),
                    _ => Err(refused(refusal).into()),
                }
            }
            other => Err(refused(early(Ok(Some(other)))).into()),
        }
    }
}

/// What an executor made of an archive.
enum Received {
    Installed,
    /// Nothing; the connection is good for another one.
    Unread(Failure),
    /// It closed the connection before it had the whole. icecream's daemon does so when it cannot
    /// read the beginning: the rest then means nothing to it (1.4, measured).
    Cut(Failure),
}

impl Received {
    fn installed(self) -> Result<(), NotInstalled> {
        match self {
            Self::Installed => Ok(()),
            Self::Unread(refusal) | Self::Cut(refusal) => Err(refused(refusal).into()),
        }
    }
}

/// Whether an executor that refused an archive so may take the same as gzip. Not if it named a
/// cause that has nothing to do with the compression, or was not heard of for too long.
fn may_read_gzip(refusal: &Failure) -> bool {
    /// In the words of floe's own executors, which read zstd.
    const OTHER_CAUSES: [&str; 4] = [
        "the disk is full",
        "cannot be kept",
        "cannot be written",
        "this host",
    ];
    match refusal.reason {
        Reason::PeerTimeout => false,
        Reason::PeerRefused => !OTHER_CAUSES
            .iter()
            .any(|cause| refusal.detail.contains(cause)),
        _ => true,
    }
}

fn refused(failure: Failure) -> Failure {
    Failure {
        reason: Reason::EnvironmentRefused,
        ..failure
    }
}

/// Order to read a file as it is.
fn read(path: PathBuf) -> Order {
    Order {
        source: Source::File(path),
        directory: PathBuf::from("/"),
        environment: Vec::new(),
        umask: 0o077,
        niceness: 0,
        // An archive gains nothing from being compressed again.
        effort: Effort::Store,
        permit: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_follows_only_a_refusal_that_it_may_cure() {
        let refusal = |reason, detail: &str| Failure::elsewhere(reason, detail);
        for cured in [
            refusal(Reason::PeerLost, "it closed the connection"),
            refusal(Reason::PeerRefused, "environment is not installed"),
        ] {
            assert!(may_read_gzip(&cured), "{cured:?}");
        }
        for other in [
            refusal(Reason::PeerTimeout, "it has taken no data for 30s"),
            refusal(
                Reason::PeerRefused,
                "the disk is full: /var needs 9 bytes more",
            ),
            refusal(
                Reason::PeerRefused,
                "this host's own gcc cannot be read as a toolchain",
            ),
        ] {
            assert!(!may_read_gzip(&other), "{other:?}");
        }
    }
}
