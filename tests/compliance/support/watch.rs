//! A monitor's view of a cluster: which host ran which job, as the scheduler tells it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use icecream::monitor::HostState;
use icecream::{JobLocalBegin, Message, Reading, Version, discovery};
use lab::Host;
use transport::{Channel, Options};

/// The original's main loop may sleep for 36 s; a discovery query wakes it.
const LOGIN: Duration = Duration::from_secs(45);
/// How long the scheduler may take to tell of a job that has happened.
const LATE: Duration = Duration::from_secs(15);

/// What monitors are told, with host names in the place of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Asked {
        job: u32,
        submitter: String,
    },
    Begun {
        job: u32,
        host: String,
    },
    Done {
        job: u32,
        exit: i32,
    },
    LocalBegun {
        job: u32,
        host: String,
        file: String,
    },
    LocalDone {
        job: u32,
    },
}

#[derive(Default)]
struct Log {
    hosts: HashMap<u32, String>,
    events: Vec<Event>,
    closed: Option<String>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
}

/// A monitor session, open until the scheduler ends it.
pub struct Watcher {
    shared: Arc<Shared>,
    barriers: u32,
}

/// Where the jobs of a stretch of time ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Jobs begun on other hosts than the submitter's, in order.
    pub remote: Vec<String>,
    /// Jobs that the scheduler sent back and the submitter's host began.
    pub home: usize,
    /// Jobs that the submitter's host never offered to anybody.
    pub local: usize,
    /// Exit codes reported for jobs that were offered.
    pub exits: Vec<i32>,
}

impl Watcher {
    /// Logs in from `host` to the scheduler at that address.
    pub fn start(host: &Host, scheduler: (std::net::Ipv4Addr, u16)) -> Result<Self> {
        let stream = host.connect(scheduler.0, scheduler.1)?;
        stream.set_nonblocking(true)?;
        let nudge = host.datagrams(0)?;
        let shared = Arc::new(Shared::default());
        let mine = Arc::clone(&shared);
        let (ready, login) = std::sync::mpsc::channel();
        thread::Builder::new()
            .name("watcher".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let end = match runtime {
                    Ok(runtime) => runtime.block_on(listen(stream, &mine, &ready)),
                    Err(e) => Err(e.into()),
                };
                let mut log = mine.log.lock().unwrap_or_else(PoisonError::into_inner);
                log.closed = Some(match end {
                    Ok(()) => "the scheduler ended the session".to_owned(),
                    Err(e) => format!("{e:#}"),
                });
                mine.changed.notify_all();
            })?;
        let end = Instant::now() + LOGIN;
        loop {
            let query = discovery::query(Version::MAX);
            nudge
                .send_to(&query, scheduler)
                .context("waking the scheduler")?;
            match login.recv_timeout(Duration::from_millis(300)) {
                Ok(()) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) if Instant::now() < end => {}
                Err(_) => bail!("the scheduler does not take a monitor"),
            }
        }
        Ok(Self {
            shared,
            barriers: 0,
        })
    }

    /// The number of events so far.
    pub fn mark(&self) -> usize {
        self.lock().events.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
        self.shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done` holds for the events from `mark` on.
    pub fn wait(&self, mark: usize, done: impl Fn(&[Event]) -> bool) -> Result<Vec<Event>> {
        let end = Instant::now() + LATE;
        let mut log = self.lock();
        loop {
            let events = log.events.get(mark..).unwrap_or_default();
            if done(events) {
                return Ok(events.to_vec());
            }
            if let Some(why) = &log.closed {
                bail!("no monitor any more: {why}");
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("the scheduler tells of nothing more: {events:?}");
            }
            let waited = self.shared.changed.wait_timeout(log, left);
            log = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What happened since `mark` to jobs submitted on `submitter`, complete.
    ///
    /// A local job of this suite's own goes through the submitter's daemon and is waited for: what
    /// that daemon told the scheduler before has been told to monitors before. Then each job that
    /// was offered is waited for.
    pub fn since(&mut self, mark: usize, submitter: &Host) -> Result<Seen> {
        self.barriers += 1;
        let name = format!("barrier-{}", self.barriers);
        local_job(&submitter.run().join("icecc/iceccd.socket"), &name)
            .context("the submitter's daemon")?;
        let is_barrier = |event: &Event| matches!(event, Event::LocalBegun { file, .. } if file.ends_with(&name));
        let before = self.wait(mark, |events| events.iter().any(is_barrier))?;
        let position = before.iter().position(is_barrier).unwrap_or(before.len());
        let asked = offered(&before[..position], submitter.name());
        let events = self.wait(mark, |events| {
            asked.iter().all(|job| {
                events
                    .iter()
                    .any(|event| matches!(event, Event::Done { job: done, .. } if done == job))
            })
        })?;
        let mut seen = Seen::default();
        for event in &events {
            match event {
                Event::Begun { job, host } if asked.contains(job) => {
                    if host == submitter.name() {
                        seen.home += 1;
                    } else {
                        seen.remote.push(host.clone());
                    }
                }
                Event::Done { job, exit } if asked.contains(job) => seen.exits.push(*exit),
                _ => {}
            }
        }
        seen.local = before[..position]
            .iter()
            .filter(
                |event| matches!(event, Event::LocalBegun { host, .. } if host == submitter.name()),
            )
            .count();
        Ok(seen)
    }
}

/// Jobs that a host asked the scheduler about.
fn offered(events: &[Event], by: &str) -> Vec<u32> {
    let asked = events.iter().filter_map(|event| match event {
        Event::Asked { job, submitter } if submitter == by => Some(*job),
        _ => None,
    });
    asked.collect()
}

async fn listen(
    stream: std::net::TcpStream,
    shared: &Shared,
    ready: &std::sync::mpsc::Sender<()>,
) -> Result<()> {
    let stream = tokio::net::TcpStream::from_std(stream)?;
    let options = Options {
        reading: Reading::Monitor,
        ..Options::default()
    };
    let mut channel = Channel::accept_with(stream, LOGIN, options).await?;
    channel.send(&Message::MonLogin).await?;
    let _ = ready.send(());
    while let Some(message) = channel.receive().await? {
        let mut log = shared.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.take_in(message);
        shared.changed.notify_all();
    }
    Ok(())
}

impl Log {
    fn take_in(&mut self, message: Message) {
        let event = match message {
            Message::MonStats(stats) => {
                if let HostState::Online(host) = HostState::parse(&stats.text) {
                    self.hosts.insert(stats.host_id, host.name);
                }
                return;
            }
            Message::MonGetCs(asked) => Event::Asked {
                job: asked.job_id,
                submitter: self.name(asked.client_host_id),
            },
            Message::MonJobBegin(begun) => Event::Begun {
                job: begun.job_id,
                host: self.name(begun.host_id),
            },
            Message::MonJobDone(done) => Event::Done {
                job: done.job_id,
                exit: done.exit_code,
            },
            Message::MonLocalJobBegin(begun) => Event::LocalBegun {
                job: begun.job_id,
                host: self.name(begun.host_id),
                file: String::from_utf8_lossy(&begun.file).into_owned(),
            },
            Message::JobLocalDone(done) => Event::LocalDone { job: done.job_id },
            _ => return,
        };
        self.events.push(event);
    }

    fn name(&self, host: u32) -> String {
        self.hosts
            .get(&host)
            .cloned()
            .unwrap_or_else(|| format!("host {host}"))
    }
}

/// Takes a local slot of a daemon under a name, and gives it back.
fn local_job(socket: &Path, name: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut channel = Channel::connect_unix(socket, LATE).await?;
        channel
            .send(&Message::JobLocalBegin(JobLocalBegin {
                start_time: 0,
                outfile: name.as_bytes().to_vec(),
                id: 0,
                full: false,
            }))
            .await?;
        let granted = tokio::time::timeout(LATE, channel.receive()).await?;
        if !matches!(granted?, Some(Message::JobLocalBegin(_))) {
            bail!("no local slot is granted");
        }
        Ok(())
    })
}
