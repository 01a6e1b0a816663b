//! Getting credentials from the daemon of this host, and keeping them up to date.
//!
//! A C++ daemon on the socket cannot read the question, logs a line and hangs up. What distinguishes one
//! daemon's life from the next is the socket's file: it is asked once.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};
use tracing::{debug, info};
use transport::{Incoming, Link, hello, receive_list};
use wire::message::{Message, WantCredentials};
use wire::name::InterfaceName;
use wire::{Limits, Side};

use super::Cluster;

/// For the connection, and for the first answer on it.
const ANSWER: Duration = Duration::from_secs(10);
/// After "no": this host may have become a member.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// After a daemon's end, doubled with each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Which daemon: its socket's place, device, number and time of making.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Life(PathBuf, u64, u64, i64, i64);

impl Life {
    fn at(socket: &Path) -> Option<Self> {
        let file = std::fs::metadata(socket).ok()?;
        let made = (file.ctime(), file.ctime_nsec());
        let socket = socket.to_owned();
        Some(Self(socket, file.dev(), file.ino(), made.0, made.1))
    }
}

/// How asking ended.
enum Ended {
    /// No daemon answers.
    NoDaemon,
    /// It does not speak this protocol.
    Foreign(Option<Life>),
    /// It says that this host or user is no member.
    Denied(String),
    /// It was a member's daemon.
    Left,
}

/// Asks as long as somebody has the cluster. Each try is made for a job that came, if nothing was got.
pub(super) async fn keep(cluster: Weak<Cluster>, sockets: Vec<PathBuf>) {
    let mut pause = FIRST_PAUSE;
    let mut foreign = None;
    loop {
        let ended = ask(&cluster, &sockets, &foreign).await;
        let wait = match ended {
            Ended::NoDaemon => {
                pause = (pause * 2).min(LONGEST_PAUSE);
                pause
            }
            Ended::Left => {
                pause = FIRST_PAUSE;
                pause
            }
            Ended::Foreign(life) => {
                foreign = life;
                if !tell(&cluster, Cluster::is_open) {
                    return;
                }
                LONGEST_PAUSE
            }
            Ended::Denied(why) => {
                debug!("no credentials: {why}");
                if !tell(&cluster, Cluster::is_open) {
                    return;
                }
                ASK_AGAIN
            }
        };
        tell(&cluster, Cluster::answered);
        tokio::time::sleep(wait).await;
        let Some(wanted) = cluster.upgrade().map(|cluster| cluster.wanted()) else {
            return;
        };
        // A resting agent asks nobody.
        wanted.notified().await;
    }
}

fn tell(cluster: &Weak<Cluster>, what: impl Fn(&Cluster)) -> bool {
    let cluster = cluster.upgrade();
    cluster.as_deref().map(what).is_some()
}

/// Connections go where this host's daemon lets its own go; those that went elsewhere serve no new job.
fn keep_to(cluster: &Weak<Cluster>, interface: Option<&InterfaceName>) {
    let name = interface.map(InterfaceName::as_str);
    if transport::pin_to(name) {
        info!("connections go out by {}", name.unwrap_or("any interface"));
        tell(cluster, Cluster::goes_another_way);
    }
}

async fn ask(cluster: &Weak<Cluster>, sockets: &[PathBuf], foreign: &Option<Life>) -> Ended {
    for socket in sockets {
        let life = Life::at(socket);
        if life.is_none() {
            continue;
        }
        if life == *foreign {
            return Ended::Foreign(life);
        }
        let Ok(Ok(stream)) = timeout(ANSWER, UnixStream::connect(socket)).await else {
            continue;
        };
        let (link, _opens_none) =
            Link::start(stream.into(), Side::Connecting, &hello(), Limits::LEAST);
        let Ok(mut exchange) = link.open(WantCredentials {}).await else {
            return Ended::Foreign(life);
        };
        let began = Instant::now();
        let mut greeted = false;
        // What an earlier daemon said is void.
        let mut interface = None;
        loop {
            let next = exchange.next();
            let next = match greeted {
                true => next.await,
                false => match timeout(ANSWER.saturating_sub(began.elapsed()), next).await {
                    Ok(next) => next,
                    Err(_) => return Ended::NoDaemon,
                },
            };
            match next {
                Ok(Some(Incoming::Message(message))) => match *message {
                    Message::Pinned(pinned) if interface.is_none() && !greeted => {
                        interface = Some(pinned.interface);
                    }
                    Message::Credentials(given) => {
                        if !greeted {
                            keep_to(cluster, interface.as_ref());
                        }
                        greeted = true;
                        let list = timeout(ANSWER, receive_list(&mut exchange, &given)).await;
                        let Ok(Ok(list)) = list else {
                            return Ended::Left;
                        };
                        let taken = cluster.upgrade().map(|cluster| {
                            let path = socket.display().to_string();
                            cluster.take(&given, list, path)
                        });
                        match taken {
                            Some(Ok(recheck)) => {
                                tell(cluster, Cluster::answered);
                                if recheck && let Some(cluster) = cluster.upgrade() {
                                    cluster.recheck().await;
                                }
                            }
                            Some(Err(why)) => return Ended::Denied(why),
                            None => return Ended::Left,
                        }
                    }
                    Message::Denied(denied) => {
                        keep_to(cluster, interface.as_ref());
                        return Ended::Denied(denied.text.as_str().to_owned());
                    }
                    other => return Ended::Denied(format!("{} came", other.name())),
                },
                Ok(Some(Incoming::Data(_))) => {
                    return Ended::Denied("data came that nobody announced".to_owned());
                }
                Ok(None) => return Ended::Left,
                Err(error) => {
                    if greeted {
                        info!("{}: {error}", socket.display());
                        return Ended::Left;
                    }
                    // Whoever greeted first speaks this protocol.
                    let speaks = link.hello(Duration::ZERO).await.is_ok();
                    return match speaks {
                        true => Ended::Denied(error.to_string()),
                        false => Ended::Foreign(life),
                    };
                }
            }
        }
    }
    Ended::NoDaemon
}
