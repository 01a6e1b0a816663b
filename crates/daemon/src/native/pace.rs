//! Whether outputs are packed on their way to a member: only where its connection is slower than the packer.
//! Packing takes its time besides sending, so a connection that takes bytes faster than the packer gives them
//! out has nothing from it. Pure: what it knows is told by those who sent.
//!
//! Level 1 made an object with debugging information a fifth as long at 170 MB a second (measured), so this
//! concerns loopback and networks beyond a gigabit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wire::limits::STREAM_QUEUE;

/// What is taken at once whatever the network does: the stream's queue, its first credit and about as much in
/// the kernel. An output tells something by what it has beyond that.
const AT_ONCE: u64 = 3 * STREAM_QUEUE as u64;
/// The least beyond that from which something is learned.
const TELLING: u64 = 512 << 10;
/// By how much the network has to be faster before packing is left: then it is no toss-up.
const CLEARLY: f64 = 2.0;

/// How one output went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Went {
    /// As they went onto the connection.
    pub(super) sent: u64,
    /// Until the connection had taken them.
    pub(super) sending: Duration,
    /// Before packing, if they were packed.
    pub(super) packed: u64,
    pub(super) packing: Duration,
}

/// One connection's. All clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<Mutex<Known>>);

/// In bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Known {
    packer: Option<f64>,
    link: Option<f64>,
    plain: bool,
}

impl Pace {
    pub(super) fn packs(&self) -> bool {
        !self.known().plain
    }

    pub(super) fn learn(&self, went: &Went) {
        self.known().learn(went);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn learn(&mut self, went: &Went) {
        if went.packed >= TELLING {
            self.packer = speed(went.packed, went.packing);
        }
        let beyond = went.sent.saturating_sub(AT_ONCE);
        if beyond < TELLING {
            return;
        }
        self.link = speed(beyond, went.sending);
        if let (Some(packer), Some(link)) = (self.packer, self.link) {
            self.plain = match self.plain {
                true => link > packer,
                false => link > packer * CLEARLY,
            };
        }
    }
}

/// None where it took no time that a clock can tell.
#[expect(
    clippy::cast_precision_loss,
    reason = "a speed needs no more than some digits"
)]
fn speed(bytes: u64, time: Duration) -> Option<f64> {
    (!time.is_zero()).then(|| bytes as f64 / time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use wire::Limits;

    use super::*;

    /// Objects of 16 MB over a connection that takes so many MB a second, from a packer that packs 400 MB a
    /// second to a third; whether the next one would be packed.
    fn sends(pace: &Pace, megabytes: u64) -> bool {
        const OBJECT: u64 = 16_000_000;
        let took = |bytes: u64, megabytes: u64| Duration::from_micros(bytes / megabytes);
        let went = match pace.packs() {
            true => {
                let (sent, packing) = (OBJECT / 3, took(OBJECT, 400));
                Went {
                    sent,
                    // Where the packer is slower, nothing is waited for but the connection's own work.
                    sending: took(sent, megabytes),
                    packed: OBJECT,
                    packing,
                }
            }
            false => Went {
                sent: OBJECT,
                sending: took(OBJECT, megabytes),
                ..Went::default()
            },
        };
        pace.learn(&went);
        pace.packs()
    }

    #[test]
    fn a_gigabit_and_less_gets_packed_outputs() {
        for megabytes in [1, 12, 120, 400] {
            let pace = Pace::default();
            assert!((0..100).all(|_| sends(&pace, megabytes)), "{megabytes}");
        }
    }

    #[test]
    fn a_connection_that_is_faster_than_the_packer_gets_them_as_they_are() {
        let pace = Pace::default();
        assert!(pace.packs());
        assert!((0..100).all(|_| !sends(&pace, 3000)));
        // It may become slower: then one is too many.
        assert!(sends(&pace, 120));
        // In between what was is kept.
        assert!(sends(&pace, 600));
        assert!(!sends(&pace, 3000) && !sends(&pace, 600));
    }

    #[test]
    fn small_outputs_tell_nothing() {
        let pace = Pace::default();
        for sent in [0, 1000, Limits::USUAL.stream_credit().into(), AT_ONCE] {
            pace.learn(&Went {
                sent,
                sending: Duration::from_nanos(1),
                packed: 10_000_000,
                packing: Duration::from_secs(1),
            });
            assert!(pace.packs());
        }
    }
}
