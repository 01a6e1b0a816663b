//! Finding a scheduler by broadcast.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use icecream::Version;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use transport::{Found, Reach, UdpDiscovery, best, broadcast_addresses};

use crate::config::Config;

/// How long answers are waited for when none is good.
const WINDOW: Duration = Duration::from_secs(3);
/// A datagram may get lost: ask again this often within the window.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How much longer to listen once a scheduler of the best version has answered: one that started
/// earlier would be preferred, and everybody answers at once.
const GRACE: Duration = Duration::from_millis(300);
/// The same when a newer version may still answer.
const GRACE_FOR_NEWER: Duration = Duration::from_secs(1);
/// No network has more schedulers.
const MOST_ANSWERS: usize = 256;
/// How long the start-up survey of net names listens.
const SURVEY: Duration = Duration::from_millis(200);

/// The scheduler of our net, or why there is none.
pub(super) async fn discover(config: &Config, port: u16) -> Result<SocketAddr, String> {
    let (answers, mut incoming) = mpsc::channel(64);
    let mut askers = JoinSet::new();
    let mut found: Vec<Found> = Vec::new();
    let mut end = Instant::now() + WINDOW;
    let mut ask_at = Instant::now();
    loop {
        let now = Instant::now();
        if now >= ask_at && best(&found, &config.netname).is_none() {
            ask_all(config, port, &answers, &mut askers).await?;
            ask_at = now + ASK_AGAIN;
        }
        match timeout_at(end.min(ask_at.max(now)), incoming.recv()).await {
            Ok(Some(answer)) if !found.contains(&answer) && found.len() < MOST_ANSWERS => {
                note(&answer, config);
                found.push(answer);
                if let Some(best) = best(&found, &config.netname) {
                    let newest = best.identity.version >= Version::MAX.number();
                    let grace = if newest { GRACE } else { GRACE_FOR_NEWER };
                    end = end.min(Instant::now() + grace);
                    ask_at = end;
                }
            }
            _ => {}
        }
        if Instant::now() >= end {
            break;
        }
    }
    match best(&found, &config.netname) {
        Some(best) => Ok(best.address),
        None => Err(nobody(config, port, &found)),
    }
}

/// Says which nets can be heard from here, for whoever looks for a misspelt name.
pub(super) async fn survey(config: &Config, port: u16) {
    let (answers, mut incoming) = mpsc::channel(64);
    let mut askers = JoinSet::new();
    let mut names = BTreeSet::new();
    if ask_all(config, port, &answers, &mut askers).await.is_ok() {
        let collect = async {
            while let Some(Found { identity, .. }) = incoming.recv().await {
                names.insert(String::from_utf8_lossy(&identity.net_name).into_owned());
            }
        };
        let _time_is_up = timeout(SURVEY, collect).await;
    }
    tracing::debug!(
        "Netnames: {}",
        names.into_iter().collect::<Vec<_>>().join(" ")
    );
}

/// Sends one query to every port and interface; the answers arrive in the channel.
async fn ask_all(
    config: &Config,
    port: u16,
    answers: &mpsc::Sender<Found>,
    askers: &mut JoinSet<()>,
) -> Result<(), String> {
    let reach = if config.tests {
        Reach::Loopback
    } else {
        Reach::Network
    };
    let targets = broadcast_addresses(reach).map_err(|error| error.to_string())?;
    if targets.is_empty() {
        return Err(
            "no network interface can broadcast; name the scheduler with -s or ICECC_SCHEDULER"
                .to_owned(),
        );
    }
    let ports = match &config.test_scheduler_ports[..] {
        [] => &[port],
        several => several,
    };
    for &port in ports {
        let asker = UdpDiscovery::start(port, &targets).await;
        let asker = asker.map_err(|error| format!("cannot send a broadcast: {error}"))?;
        let answers = answers.clone();
        askers.spawn(async move { while answers.send(asker.next().await).await.is_ok() {} });
    }
    Ok(())
}

fn note(answer: &Found, config: &Config) {
    let name = String::from_utf8_lossy(&answer.identity.net_name);
    let address = answer.address;
    if !name.eq_ignore_ascii_case(&config.netname) {
        tracing::debug!(
            "Ignoring scheduler at {address} because of a different netname ({})",
            name.escape_debug()
        );
    } else if answer.identity.version < Version::MIN.number() {
        tracing::warn!(
            "Ignoring scheduler at {address}: it speaks version {}, and {} is the oldest that works; update it to icecc 1.3 or later, or to floe",
            answer.identity.version,
            Version::MIN.number()
        );
    } else {
        tracing::debug!(
            "scheduler at {address} answers, version {}",
            answer.identity.version
        );
    }
}

fn nobody(config: &Config, port: u16, found: &[Found]) -> String {
    let name = &config.netname;
    if found.is_empty() {
        return format!("no scheduler answers the broadcast on UDP port {port}");
    }
    format!(
        "{} schedulers answer the broadcast, and none of net {name:?} that works",
        found.len()
    )
}
