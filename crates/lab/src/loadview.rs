//! Each host's own `/proc/stat` and `/proc/loadavg`.
//!
//! Hosts of a lab share the machine's counters: under the load of one of them every C++ icecream
//! daemon reports itself busy (load 1000) and takes no jobs. So each host sees a machine that is
//! busy only with what runs in its own cgroup.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use crate::host::Inner;

const INTERVAL: Duration = Duration::from_millis(250);

/// The files of one host and what they say.
pub(crate) struct View {
    stat: File,
    loadavg: File,
    cpus: u32,
    boot: u64,
    busy: Duration,
    idle: Duration,
    updated: Instant,
    /// Mean busy processors over 1, 5 and 15 minutes.
    means: [f64; 3],
}

impl View {
    pub(crate) fn create(directory: &Path, cpus: u32) -> Result<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let mut view = Self {
            stat: File::create(directory.join("stat"))?,
            loadavg: File::create(directory.join("loadavg"))?,
            cpus,
            boot: now.as_secs().saturating_sub(60),
            busy: Duration::ZERO,
            idle: Duration::from_secs(60) * cpus,
            updated: Instant::now(),
            means: [0.0; 3],
        };
        view.write()?;
        Ok(view)
    }

    /// Shell text that puts the files in place inside the host.
    pub(crate) fn mount(directory: &Path) -> String {
        let show = |name| directory.join(name).display().to_string();
        format!(
            "mount --bind '{}' /proc/stat\nmount --bind '{}' /proc/loadavg\n",
            show("stat"),
            show("loadavg")
        )
    }

    /// Takes in the CPU time used so far.
    fn update(&mut self, used: Duration, now: Instant) -> Result<()> {
        let elapsed = now - self.updated;
        let busy = used.saturating_sub(self.busy).min(elapsed * self.cpus);
        // Not `= used`: a burst beyond the pretended processors stays to be shown later.
        self.busy += busy;
        self.idle += elapsed * self.cpus - busy;
        self.updated = now;
        let running = busy.as_secs_f64() / elapsed.as_secs_f64().max(1e-6);
        for (mean, minutes) in self.means.iter_mut().zip([1.0, 5.0, 15.0]) {
            let keep = (-elapsed.as_secs_f64() / (60.0 * minutes)).exp();
            *mean = *mean * keep + running * (1.0 - keep);
        }
        self.write()
    }

    /// Fields are padded, so that a reader sees one length and never half a number.
    fn write(&mut self) -> Result<()> {
        let ticks = |time: Duration, share: u32| time.as_millis() / 10 / u128::from(share);
        let mut text = String::new();
        let mut line = |name: String, share| {
            let (busy, idle) = (ticks(self.busy, share), ticks(self.idle, share));
            writeln!(text, "{name} {busy:012} 0 0 {idle:012} 0 0 0 0 0 0")
        };
        line("cpu ".into(), 1)?;
        for cpu in 0..self.cpus {
            line(format!("cpu{cpu}"), self.cpus)?;
        }
        writeln!(
            text,
            "ctxt 1\nbtime {}\nprocesses 1\nprocs_running 1\nprocs_blocked 0",
            self.boot
        )?;
        self.stat.write_all_at(text.as_bytes(), 0)?;
        let [one, five, fifteen] = self.means;
        let text = format!("{one:.2} {five:.2} {fifteen:.2} 1/100 1000\n");
        self.loadavg.write_all_at(text.as_bytes(), 0)?;
        Ok(())
    }
}

/// The thread that keeps all hosts' files up to date.
pub(crate) struct Updater {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    views: Vec<(Weak<Inner>, View)>,
}

impl Updater {
    pub(crate) fn start() -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let mine = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("lab-load".into())
            .spawn(move || mine.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(crate) fn add(&self, host: &Arc<Inner>, view: View) {
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.views.push((Arc::downgrade(host), view));
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.stop {
            state.views.retain_mut(|(host, view)| match host.upgrade() {
                Some(host) => {
                    let host = crate::Host { inner: host };
                    host.cpu()
                        .is_ok_and(|used| view.update(used, Instant::now()).is_ok())
                }
                None => false,
            });
            state = self
                .changed
                .wait_timeout(state, INTERVAL)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for Updater {
    fn drop(&mut self) {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Idle and busy ticks of all processors.
    fn ticks(stat: &str) -> Option<(u64, u64)> {
        let mut fields = stat.lines().next()?.split_whitespace().skip(1);
        let busy = fields.next()?.parse().ok()?;
        let idle = fields.nth(2)?.parse().ok()?;
        Some((idle, busy))
    }

    #[test]
    fn time_is_either_busy_or_idle_and_never_runs_backwards() {
        let directory = std::env::temp_dir().join(format!("loadview-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut view = View::create(&directory, 2).unwrap();
        let start = view.updated;
        let read = || {
            let text = fs::read_to_string(directory.join("stat")).unwrap();
            ticks(&text).unwrap()
        };
        assert_eq!(read(), (12_000, 0));
        let second = Duration::from_secs(1);
        view.update(second, start + second).unwrap();
        assert_eq!(read(), (12_100, 100));
        // More than two processors can do: shown when there is room for it.
        view.update(5 * second, start + 2 * second).unwrap();
        assert_eq!(read(), (12_100, 300));
        view.update(5 * second, start + 4 * second).unwrap();
        assert_eq!(read(), (12_300, 500));
        fs::remove_dir_all(&directory).unwrap();
    }
}
