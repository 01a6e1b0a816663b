//! The desk and the load: sampled on another thread, judged here, told to the scheduler.

use std::sync::Arc;

use tokio::time::Instant;

use super::Desk;
use crate::claim::Stance;
use crate::core::Event;
use crate::load::{self, Lack, Own, Pressure, Sample};
use crate::owner::Situation;

impl Desk {
    pub(super) fn take_sample(&mut self) {
        self.next_sample = Instant::now() + self.sampling;
        let config = Arc::clone(&self.config);
        self.sampler
            .spawn_blocking(move || load::sample(&config.proc_paths, &config.base_dir));
    }

    pub(super) fn sampled(&mut self, sample: &Sample) {
        let elapsed = self.last_sample.elapsed();
        self.last_sample = Instant::now();
        let own = Own {
            ended: std::mem::take(&mut self.ended),
            running: self.core.compiling(),
        };
        self.decide(Event::MemoryAvailable(sample.memory.usable()), None);
        let mut reading = self.meter.read(sample, own, elapsed);
        // Schedulers are told what compiles could have.
        let free = u32::try_from(self.core.memory().free() >> 20).unwrap_or(u32::MAX);
        reading.free_memory = reading.free_memory.min(free);
        if self.sandbox_lost {
            (reading.value, reading.pressure) = (1000, Pressure::Full(Lack::Sandbox));
        }
        let situation = Situation {
            load: sample.averages[0],
            minute: sample.minute,
            on_battery: sample.on_battery,
        };
        let stance = self
            .claim
            .observe(self.began.elapsed(), &situation, own.running);
        if let Some(objection) = self.config.owner.objection(&situation) {
            (reading.value, reading.pressure) = (1000, Pressure::Full(Lack::Leave(objection)));
        }
        let before = self.reading.replace(reading).map(|last| last.pressure);
        self.tell_lack(before.unwrap_or_default(), reading.pressure);
        // First, or what waits would start to stand still, or be refused although compiles go on.
        self.decide(Event::Pressure(reading.pressure), None);
        self.take(stance);
        self.announce_load();
    }

    /// Freezes, thaws or hands back what runs.
    fn take(&mut self, stance: Stance) {
        let frozen = stance != Stance::Run;
        if let Some(executor) = &self.shop.executor
            && executor.freeze(frozen) != frozen
        {
            let running = self.core.compiling();
            match stance {
                Stance::Run => tracing::info!("compiles of other hosts go on"),
                Stance::Frozen(objection) | Stance::HandBack(objection) => {
                    tracing::info!(
                        "compiles of other hosts stand still, {running} of them: {objection}"
                    );
                }
            }
            self.decide(Event::Frozen(frozen), None);
        }
        if matches!(stance, Stance::HandBack(_)) {
            self.decide(Event::HandBack, None);
        }
        if let Some(at) = self.claim.deadline() {
            self.next_sample = self.next_sample.min(self.began + at);
        }
    }

    /// Says why this host takes no work, once, and when it does again.
    fn tell_lack(&self, before: Pressure, now: Pressure) {
        match now {
            _ if now == before => {}
            Pressure::Full(Lack::Disk) => tracing::warn!(
                "no compiles of other hosts are taken: the disk of {} is nearly full; make room there or name another directory with -b",
                self.config.base_dir.display()
            ),
            Pressure::Full(Lack::Memory) => tracing::warn!(
                "no compiles of other hosts are taken: memory is used up; they start again when some is free"
            ),
            Pressure::Full(Lack::Leave(objection)) => {
                tracing::info!("no compiles of other hosts are taken: {objection}");
            }
            // It was said when it happened.
            Pressure::Full(Lack::Sandbox) => {}
            Pressure::Open | Pressure::Busy => {
                if matches!(before, Pressure::Full(_)) {
                    tracing::info!("compiles of other hosts are taken again");
                }
            }
        }
    }

    /// The helper cannot be started from a program with threads. The scheduler is told to send
    /// nothing more; own clients are served as before.
    pub(super) fn sandbox_lost(&mut self) {
        if !std::mem::replace(&mut self.sandbox_lost, true) {
            tracing::error!(
                "the sandbox's helper process died: no compiles of other hosts are taken any more; restart the daemon"
            );
            self.next_sample = Instant::now();
        }
    }
}
