//! A cable with delay, rate and loss: two TAP devices and one forwarding thread for each direction.
//!
//! The kernels that tests run on have no netem, and a TAP device hands out frames with finished
//! checksums and no larger than the MTU, which a raw socket on a veth does not.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tappers::{Interface, Tap};

use crate::host::LinkSpec;

/// Creates a TAP device in the network namespace of the calling thread.
pub(crate) fn tap(name: &str) -> Result<Tap> {
    let tap = Interface::new(name)
        .and_then(Tap::new_named)
        .with_context(|| format!("cannot create the TAP device {name} (/dev/net/tun)"))?;
    Ok(tap)
}

/// The running threads of one cable.
pub(crate) struct Forwarder {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Forwarder {
    pub(crate) fn start(near: Tap, far: Tap, spec: &LinkSpec) -> Result<Self> {
        let (near, far) = (Arc::new(near), Arc::new(far));
        let stop = Arc::new(AtomicBool::new(false));
        let shut = spec.outbound_only;
        let ends = [
            (&near, &far, spec.seed, false),
            (&far, &near, !spec.seed, shut),
        ];
        let threads = ends.map(|(from, to, seed, outbound_only)| {
            let (from, to, stop) = (Arc::clone(from), Arc::clone(to), Arc::clone(&stop));
            let mut wire = Wire::new(&LinkSpec {
                seed,
                outbound_only,
                ..*spec
            });
            std::thread::Builder::new()
                .name("lab-link".into())
                .spawn(move || forward(&from, &to, &mut wire, &stop))
        });
        let threads = threads.into_iter().collect::<io::Result<_>>()?;
        Ok(Self { stop, threads })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn forward(from: &Tap, to: &Tap, wire: &mut Wire, stop: &AtomicBool) {
    const IDLE: Duration = Duration::from_millis(50); // how soon a dropped cable is noticed
    let mut frame = vec![0; 65536];
    while !stop.load(Ordering::Relaxed) {
        let wait = wire.next_due().map_or(IDLE, |due| {
            due.saturating_duration_since(Instant::now()).min(IDLE)
        });
        let timeout = Timespec {
            tv_sec: wait.as_secs() as i64,
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let mut waited = [PollFd::new(from, PollFlags::IN)];
        if poll(&mut waited, Some(&timeout)).is_ok_and(|ready| ready > 0) {
            match from.recv(&mut frame) {
                Ok(length) => wire.accept(Instant::now(), &frame[..length]),
                Err(_) => std::thread::sleep(IDLE), // the interface is down
            }
        }
        while let Some(frame) = wire.release(Instant::now()) {
            let _ = to.send(&frame); // an interface that is down loses it
        }
    }
}

/// One direction: what is under way, when it arrives, what gets lost.
struct Wire {
    delay: Duration,
    rate: Option<u64>,
    loss: f64,
    outbound_only: bool,
    random: u64,
    /// When the sender's interface has put its last frame on the wire.
    free_at: Option<Instant>,
    under_way: VecDeque<(Instant, Vec<u8>)>,
}

impl Wire {
    /// How long a frame may wait for the wire before it is dropped, as in a router's buffer.
    const BUFFER: Duration = Duration::from_millis(200);

    fn new(spec: &LinkSpec) -> Self {
        let LinkSpec {
            delay,
            rate,
            loss,
            seed,
            outbound_only,
        } = *spec;
        Self {
            outbound_only,
            delay,
            rate,
            loss,
            random: seed,
            free_at: None,
            under_way: VecDeque::new(),
        }
    }

    fn accept(&mut self, now: Instant, frame: &[u8]) {
        let start = self.free_at.map_or(now, |free| free.max(now));
        let lost = start - now > Self::BUFFER || self.draw() < self.loss;
        if lost || self.outbound_only && begins_a_connection(frame) {
            return;
        }
        let sending = self.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(frame.len() as f64 * 8.0 / rate as f64)
        });
        self.free_at = Some(start + sending);
        self.under_way
            .push_back((start + sending + self.delay, frame.to_vec()));
    }

    fn next_due(&self) -> Option<Instant> {
        self.under_way.front().map(|(due, _)| *due)
    }

    fn release(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next_due()? <= now {
            self.under_way.pop_front().map(|(_, frame)| frame)
        } else {
            None
        }
    }

    /// The next number in 0..1 of a splitmix64 sequence.
    fn draw(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Whether it is TCP's first segment: SYN without ACK, over IPv4 in an Ethernet frame without tags.
fn begins_a_connection(frame: &[u8]) -> bool {
    const ETHERNET: usize = 14;
    let Some(ip) = frame.get(ETHERNET..) else {
        return false;
    };
    let is_ipv4 = frame[12..ETHERNET] == [0x08, 0x00];
    let header = ip.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    let flags = ip.get(header + 13).copied().unwrap_or_default();
    is_ipv4 && ip.get(9) == Some(&6) && flags & 0x12 == 0x02
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_after_delay_at_the_rate_of_the_wire() {
        let spec = LinkSpec {
            delay: Duration::from_millis(50),
            rate: Some(8_000_000),
            ..LinkSpec::default()
        };
        let mut wire = Wire::new(&spec);
        let now = Instant::now();
        wire.accept(now, &[0; 1000]); // 1 ms on the wire
        wire.accept(now, &[0; 1000]);
        let ms = Duration::from_millis;
        assert!(wire.release(now + ms(50)).is_none());
        assert!(wire.release(now + ms(51)).is_some());
        assert!(wire.release(now + ms(51)).is_none());
        assert!(wire.release(now + ms(52)).is_some());
    }

    #[test]
    fn a_full_buffer_drops_and_loss_follows_the_seed() {
        let spec = LinkSpec {
            rate: Some(8000),
            loss: 0.0,
            ..LinkSpec::default()
        };
        let mut wire = Wire::new(&spec);
        let now = Instant::now();
        for _ in 0..5 {
            wire.accept(now, &[0; 150]); // 150 ms each
        }
        assert_eq!(wire.under_way.len(), 2);

        let lossy = LinkSpec {
            loss: 0.1,
            seed: 7,
            ..LinkSpec::default()
        };
        let pass = || {
            let mut wire = Wire::new(&lossy);
            (0..10_000).for_each(|_| wire.accept(now, &[0]));
            wire.under_way.len()
        };
        let passed = pass();
        assert!((8800..9200).contains(&passed), "{passed}");
        assert_eq!(passed, pass());
    }
}
