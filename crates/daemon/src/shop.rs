//! What all sessions share: toolchains, the compiler's workplace, the archives of this host's own
//! compilers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fmt, io};

use job::{EnvironmentName, InvalidName, Platform};
use sandbox::ZygoteClient;
use tokio::task::spawn_blocking;
use toolchain::{NotOwn, Own};

use crate::compile::Room;
use crate::config::Config;
use crate::error::DaemonError;
use crate::executor::{Executor, Installed};
use crate::natives::Natives;

use crate::toolchains::{Toolchains, open_store};

pub(crate) struct Shop {
    pub(crate) config: Arc<Config>,
    /// Of this host.
    pub(crate) platform: Platform,
    pub(crate) natives: Natives,
    pub(crate) toolchains: Toolchains,
    pub(crate) room: Room,
    /// Compiles of others that wait for a slot.
    waiting: AtomicU32,
    /// None: no foreign compiles here.
    pub(crate) executor: Option<Executor>,
}

/// A compile that waits.
pub(crate) struct Queued(Arc<Shop>);

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Names one toolchain: what it compiles for, and its archive's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    pub(crate) platform: Platform,
    pub(crate) name: EnvironmentName,
}

impl fmt::Display for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.platform, self.name)
    }
}

impl Shop {
    pub(crate) async fn open(
        config: Arc<Config>,
        zygote: Option<ZygoteClient>,
    ) -> Result<Self, DaemonError> {
        // All that this daemon writes is in the store's directory: whatever else lies in the base
        // directory is somebody else's.
        let store = open_store(&config).await?;
        let base = store.root().to_owned();
        let natives = Natives::new(&base, config.cache_limit_bytes);
        let executor = match zygote {
            Some(zygote) if !config.no_remote => {
                let made = spawn_blocking(move || Executor::new(zygote, &base)).await;
                let made = made.map_err(io::Error::other).and_then(|made| made);
                let executor = made.map_err(|cause| base_dir(&config, cause))?;
                Some(executor.with_installed(installed()))
            }
            _ => None,
        };
        let toolchains = Toolchains::open(store, config.grants_only).await;
        let platform = own_platform()?;
        let shop = Self {
            natives,
            toolchains,
            room: Room::default(),
            waiting: AtomicU32::new(0),
            executor,
            platform,
            config,
        };
        shop.weed_out().await;
        Ok(shop)
    }

    /// How many compiles of others wait for a slot.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// One more that waits, as long as the answer is kept.
    pub(crate) fn queue(self: &Arc<Self>) -> Queued {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Queued(Arc::clone(self))
    }

    /// Drops the toolchains of an earlier daemon that had a better sandbox: the scheduler would be
    /// told of them.
    async fn weed_out(&self) {
        let any = |executor: &Executor| executor.rung().takes_any_toolchain();
        if self.executor.as_ref().is_none_or(any) {
            return;
        }
        for environment in self.toolchains.environments() {
            if let Ok(entry) = self.entry(&environment.platform, &environment.name) {
                self.is_fit(&entry).await;
            }
        }
    }

    /// Whether jobs of a toolchain that is here may run here. It is dropped if it is known that they
    /// cannot.
    pub(crate) async fn is_fit(&self, entry: &Entry) -> bool {
        let Some(executor) = &self.executor else {
            return true;
        };
        let Some(toolchain) = self.toolchains.enter(entry).await else {
            return true;
        };
        let Err(failure) = executor.admit(&toolchain.toolchain()).await else {
            return true;
        };
        if !failure.toolchain_is_foreign() {
            tracing::warn!("whether toolchain {entry} runs here is not known: {failure}");
            return true;
        }
        tracing::warn!("toolchain {entry} is refused: {failure}");
        self.toolchains.refuse(toolchain, failure.to_string()).await;
        false
    }

    /// Checks what a peer calls a toolchain. No platform means this host's.
    pub(crate) fn entry(&self, platform: &str, name: &str) -> Result<Entry, InvalidName> {
        let platform = match platform {
            "" => self.platform.clone(),
            given => Platform::parse(given)?,
        };
        Ok(Entry {
            platform,
            name: EnvironmentName::parse(name)?,
        })
    }

    pub(crate) fn takes_compiles(&self) -> bool {
        self.executor.is_some()
    }

    /// Whether `bin/true` runs in the toolchain; an error is about the request or this moment, not
    /// about the toolchain.
    pub(crate) async fn verify(&self, entry: &Entry) -> Result<bool, String> {
        let Some(executor) = &self.executor else {
            return Err("this host takes no compiles from other hosts".to_owned());
        };
        let Some(toolchain) = self.toolchains.enter(entry).await else {
            return match self.toolchains.refusal(entry) {
                Some(refusal) if refusal.is_final => Ok(false),
                Some(refusal) => Err(refusal.text),
                None => Err(format!("toolchain {entry} is not installed")),
            };
        };
        match executor.verify(toolchain.toolchain()).await {
            Ok(ok) => Ok(ok),
            Err(failure) if failure.toolchain_is_foreign() => {
                tracing::warn!("toolchain {entry} is refused: {failure}");
                self.toolchains.refuse(toolchain, failure.to_string()).await;
                Ok(false)
            }
            // The program is there and the kernel would not run it: the toolchain's fault.
            Err(failure) if failure.toolchain_is_broken() => Ok(false),
            Err(failure) => Err(failure.to_string()),
        }
    }
}

/// Knows this host's own compilers.
fn installed() -> Arc<Installed> {
    let own = Own::default();
    Arc::new(move |toolchain| match toolchain.identity {
        Some(identity) => own.files(identity, &toolchain.root),
        None => Err(NotOwn::NoDriver),
    })
}

fn base_dir(config: &Config, cause: io::Error) -> DaemonError {
    DaemonError::BaseDir {
        path: config.base_dir.clone(),
        cause,
    }
}

/// The kernel's word for this kind of machine.
fn own_platform() -> Result<Platform, DaemonError> {
    let machine = rustix::system::uname()
        .machine()
        .to_string_lossy()
        .replace(' ', "");
    Platform::parse(&machine).map_err(DaemonError::Platform)
}
