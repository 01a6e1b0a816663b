//! Puts the tasks together: listeners, the line to the scheduler, the desk.

use std::sync::Arc;
use std::time::Duration;

use sandbox::ZygoteClient;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport::{Gate, Options};

use crate::config::Config;
use crate::credentials;
use crate::desk::{Desk, Inboxes};
use crate::error::DaemonError;
use crate::link;
use crate::listen::{self, Entrances};
use crate::native::{Front, Signers};
use crate::shop::Shop;
use crate::sockets::Sockets;

/// How long the farewell to the scheduler may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Runs the daemon until `shutdown` completes.
///
/// `sockets` come from [`crate::prepare`]. Without a zygote no foreign compiles are taken, as with
/// `no_remote`; the caller has said why.
pub async fn run(
    config: Config,
    sockets: Sockets,
    zygote: Option<ZygoteClient>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    run_and_say(config, sockets, zygote, || (), shutdown).await
}

/// The same; calls `ready` when nothing is left that may keep it from serving: what it has is open and tried,
/// and all its sockets are listened to.
pub async fn run_and_say(
    mut config: Config,
    sockets: Sockets,
    zygote: Option<ZygoteClient>,
    ready: impl FnOnce(),
    shutdown: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    if zygote.is_none() && !config.no_remote {
        tracing::warn!("Cannot use chroot, no remote jobs accepted.");
        config.no_remote = true;
        config.no_sandbox = true;
    }
    raise_file_limit();
    let config = Arc::new(config);
    let shop = Arc::new(Shop::open(Arc::clone(&config), zygote).await?);
    tracing::info!(
        "supported features: {}",
        crate::status::features(config.features)
    );

    let (arriving, arrivals) = mpsc::channel(256);
    let (ordering, ordered) = mpsc::channel(256);
    let (linked, link) = mpsc::channel(1024);
    let signers = Arc::new(Signers::default());
    let front = Front::new(&shop, &signers, ordering).await;
    let supply = front.as_ref().map(|front| Arc::clone(front.supply()));
    let options = Options {
        slow_network: config.slow_network,
        ..Options::default()
    };
    let mut listeners = JoinSet::new();
    let mut watching = JoinSet::new();
    let unix = tokio::net::UnixListener::from_std(sockets.unix).map_err(DaemonError::Runtime)?;
    let (found, scheduler) = watch::channel(None);
    let credentials = credentials::Desk {
        config: Arc::clone(&config),
        scheduler,
        mixed: matches!(config.gate, Gate::Mixed(_)),
        users: sockets.users,
        denied: Arc::default(),
    };
    listeners.spawn(listen::serve_unix(
        unix,
        arriving.clone(),
        options,
        Arc::new(credentials),
    ));
    if let Some(papers) = config.papers.clone() {
        watching.spawn(config.recheck.clone().follow(papers));
    }
    if !config.no_remote {
        let entrances = Entrances {
            gate: config.gate.clone(),
            arrivals: arriving.clone(),
            front: front.clone(),
            recheck: config.recheck.clone(),
        };
        for tcp in sockets.tcp {
            let tcp = tokio::net::TcpListener::from_std(tcp).map_err(DaemonError::Runtime)?;
            listeners.spawn(listen::serve_tcp(tcp, entrances.clone(), options));
        }
    }
    ready();
    let line = tokio::spawn(link::run(Arc::clone(&config), linked, found));

    let inboxes = Inboxes {
        arrivals,
        ordered,
        link,
    };
    let desk = Desk::new(config, shop, signers, supply, inboxes);
    let ending = async {
        shutdown.await;
        // Others find nobody here while what runs for members ends.
        listeners.shutdown().await;
    };
    desk.run(ending, front.as_deref()).await;

    if let Some(front) = front {
        front.clear().await;
    }
    watching.shutdown().await;
    if timeout(FAREWELL, line).await.is_err() {
        tracing::debug!("the scheduler did not take the farewell in time");
    }
    // Somebody may have removed it; the next daemon replaces it in any case.
    let _gone = std::fs::remove_file(&sockets.unix_path);
    Ok(())
}

/// Each compile needs a handful of descriptors, each waiting client one.
fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}
