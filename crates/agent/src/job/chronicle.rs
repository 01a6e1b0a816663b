//! The record of one job while it is being written: phases with their times, tries that failed.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Instant, SystemTime};

use handover::Run;
use job::record::{FailedTry, PhaseTime};
use job::{Compiled, Input, JobRecord, Phase, Reason};
use tokio::sync::watch;

use super::progress::Stage;
use crate::hub::Hub;
use crate::state::{Event, Number, micros};

/// Keeps time, and keeps the hub informed.
#[derive(Debug)]
pub(crate) struct Chronicle {
    hub: Hub,
    number: Number,
    arrived: Instant,
    record: JobRecord,
    current: Option<(Phase, Instant)>,
    executor: String,
    stage: watch::Sender<Stage>,
}

impl Chronicle {
    pub(crate) fn new(hub: &Hub, number: Number, run: &Run) -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let kept = run.arguments.iter().map(Vec::len).sum::<usize>() <= JobRecord::MAX_ARGUMENTS;
        let record = JobRecord {
            started_unix_ms: since_epoch.map_or(0, |age| micros(age) / 1000),
            directory: run.directory.clone(),
            compiler: run.program.clone(),
            arguments: if kept {
                run.arguments.clone()
            } else {
                Vec::new()
            },
            ..JobRecord::default()
        };
        Self {
            hub: hub.clone(),
            number,
            arrived: Instant::now(),
            record,
            current: None,
            executor: String::new(),
            stage: watch::Sender::new(Stage {
                phase: None,
                since: tokio::time::Instant::now(),
                host: String::new(),
            }),
        }
    }

    /// When the job was asked for.
    pub(crate) fn arrived(&self) -> Instant {
        self.arrived
    }

    /// The phase that the job is in, as it changes.
    pub(crate) fn stages(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// What is compiled; said once it is known.
    pub(crate) fn subject(&mut self, source: &Path, output: Option<&Path>) {
        self.record.source = source.as_os_str().as_bytes().to_vec();
        let output = output.map(|path| path.as_os_str().as_bytes().to_vec());
        self.record.output = output.unwrap_or_default();
    }

    pub(crate) fn began(&self) {
        let source = match self.record.source.as_slice() {
            [] => self.record.output.clone(),
            source => source.to_vec(),
        };
        self.hub.tell(Event::JobBegan {
            job: self.number,
            source,
        });
    }

    /// The current phase ends, `phase` begins.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.enter_since(phase, Instant::now());
    }

    /// The current phase ends; `phase` has been going on beside it.
    pub(crate) fn enter_since(&mut self, phase: Phase, since: Instant) {
        self.leave();
        self.current = Some((phase, since));
        self.hub.moved(self.number, phase, &self.executor);
        self.stage.send_replace(Stage {
            phase: Some(phase),
            since: tokio::time::Instant::now(),
            host: self.executor.clone(),
        });
    }

    /// The current phase ends.
    pub(crate) fn leave(&mut self) {
        if let Some((phase, since)) = self.current.take() {
            self.record.phases.push(PhaseTime {
                phase: phase.into(),
                start_us: micros(since.saturating_duration_since(self.arrived)),
                duration_us: micros(since.elapsed()),
            });
        }
    }

    pub(crate) fn placed(&mut self, executor: &str, job_id: u32) {
        executor.clone_into(&mut self.executor);
        self.record.job_id = job_id;
    }

    pub(crate) fn toolchain(&mut self, name: &str) {
        name.clone_into(&mut self.record.toolchain);
    }

    /// What the executor is sent.
    pub(crate) fn input(&mut self, input: Input, files: usize) {
        self.record.input = input.into();
        self.record.files = u32::try_from(files).unwrap_or(u32::MAX);
    }

    /// Whether the same files give the same result at any time.
    pub(crate) fn repeats(&mut self, does: bool) {
        self.record.names_time = !does;
    }

    /// Files were wanted, and text is what there is.
    pub(crate) fn why_text(&mut self, why: String) {
        self.record.why_text = why;
    }

    pub(crate) fn sent(&mut self, bytes: u64) {
        self.record.sent_bytes = bytes;
    }

    pub(crate) fn received(&mut self, bytes: u64) {
        self.record.received_bytes = bytes;
    }

    /// A try on another host that gave nothing.
    pub(crate) fn failed(&mut self, host: &str, reason: Reason, detail: &str) {
        self.leave();
        let detail = detail.to_owned();
        self.record.failed_tries.push(FailedTry {
            host: host.to_owned(),
            reason: reason.into(),
            detail,
        });
        self.executor.clear();
    }

    /// The job's fate is decided: the record goes to the log.
    pub(crate) fn decide(
        mut self,
        compiled: Compiled,
        reason: Reason,
        detail: String,
        exit: Option<i32>,
    ) {
        self.leave();
        let mut record = self.record;
        record.compiled = compiled.into();
        record.reason = reason.into();
        record.detail = detail;
        record.exit_code = exit;
        record.total_us = micros(self.arrived.elapsed());
        if compiled == Compiled::Remote {
            record.executor = self.executor;
        }
        self.hub.tell(Event::JobDecided {
            record: Box::new(record),
        });
    }
}
