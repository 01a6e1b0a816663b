//! Connections to the daemon that are made before they are wanted.
//!
//! Connecting and shaking hands is half of what a compile that stays here waits for (two programs, woken
//! in turns), and builds that probe compilers do little else.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use transport::Channel;

/// Kept or on their way. One would do for a build that compiles one file at a time.
const MOST: usize = 2;

/// For a build that goes on. The daemon of a resting agent has no clients.
const KEPT: Duration = Duration::from_secs(3);

/// The daemon that somebody wants: the first one that answers at one of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Places {
    pub(crate) sockets: Vec<PathBuf>,
    /// Or on icecream's port of this host.
    pub(crate) loopback: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Spares(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    kept: Vec<Spare>,
    coming: usize,
    last: u64,
}

#[derive(Debug)]
struct Spare {
    number: u64,
    places: Places,
    channel: Channel,
}

impl Spares {
    /// One that nobody has closed meanwhile.
    pub(super) fn take(&self, places: &Places) -> Option<Channel> {
        loop {
            let mut spare = {
                let mut shelf = self.shelf();
                let at = shelf
                    .kept
                    .iter()
                    .position(|spare| spare.places == *places)?;
                shelf.kept.swap_remove(at)
            };
            if spare.channel.is_quiet() {
                return Some(spare.channel);
            }
        }
    }

    /// Makes one more, unless there are enough, and takes it away when nobody wanted it.
    pub(super) fn replenish(self: &Arc<Self>, places: &Places) {
        {
            let mut shelf = self.shelf();
            if shelf.kept.len() + shelf.coming >= MOST {
                return;
            }
            shelf.coming += 1;
        }
        let (spares, places) = (Arc::clone(self), places.clone());
        tokio::spawn(async move {
            let made = super::daemon::connect_to_one(&places).await;
            let number = {
                let mut shelf = spares.shelf();
                shelf.coming -= 1;
                let Ok(channel) = made else { return };
                shelf.last += 1;
                let number = shelf.last;
                shelf.kept.push(Spare {
                    number,
                    places,
                    channel,
                });
                number
            };
            sleep(KEPT).await;
            spares.shelf().kept.retain(|spare| spare.number != number);
        });
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;

    struct Rig {
        _directory: tempfile::TempDir,
        listener: UnixListener,
        places: Places,
        spares: Arc<Spares>,
    }

    fn rig() -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        Rig {
            listener: UnixListener::bind(&socket).unwrap(),
            places: Places {
                sockets: vec![socket],
                loopback: false,
            },
            spares: Arc::default(),
            _directory: directory,
        }
    }

    impl Rig {
        /// The daemon's end of a new spare, once that is on the shelf.
        async fn one_more(&self) -> Channel {
            let kept = self.spares.shelf().kept.len();
            self.spares.replenish(&self.places);
            let (stream, _) = self.listener.accept().await.unwrap();
            let far = Channel::accept(stream, Duration::from_secs(20)).await;
            while self.spares.shelf().kept.len() == kept {
                tokio::task::yield_now().await;
            }
            far.unwrap()
        }
    }

    #[tokio::test]
    async fn a_spare_is_for_the_places_it_was_made_for() {
        let rig = rig();
        assert!(rig.spares.take(&rig.places).is_none());
        let _daemon = rig.one_more().await;
        let elsewhere = Places {
            sockets: vec!["/nowhere".into()],
            loopback: false,
        };
        assert!(rig.spares.take(&elsewhere).is_none());
        assert!(rig.spares.take(&rig.places).is_some());
        assert!(rig.spares.take(&rig.places).is_none());
    }

    #[tokio::test]
    async fn one_that_the_daemon_closed_is_passed_over() {
        let rig = rig();
        let first = rig.one_more().await;
        drop(first);
        let _second = rig.one_more().await;
        assert!(rig.spares.take(&rig.places).is_some());
        assert!(rig.spares.take(&rig.places).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_wanted_it() {
        let rig = rig();
        let mut daemon = rig.one_more().await;
        assert!(daemon.receive().await.unwrap().is_none());
        assert!(rig.spares.take(&rig.places).is_none());
    }
}
