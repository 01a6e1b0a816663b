//! `floe explain [FILE]`: where a file's last compile ran, and why, from the user's job log.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use job::record::{FailedTry, JobRecord, PhaseTime};
use job::{Compiled, Input, Phase, Reason};
use serde::Serialize;

use super::complain;
use super::options::ExplainOptions;

pub(crate) fn run(options: &ExplainOptions) -> ExitCode {
    let Some(log) = handover::state_dir() else {
        complain("there is no job log: neither HOME nor FLOE_STATE_DIR is set");
        return ExitCode::FAILURE;
    };
    // A compile's record may still be on its way to the log: a running agent answers once all are
    // there. What it says is of no interest, nor whether there is one.
    let _complete = crate::ask_agent::status();
    let records = match handover::log::read_newest_first(&log) {
        Ok(records) => records,
        Err(error) => {
            complain(format_args!(
                "the job log in {} cannot be read: {error}",
                log.display()
            ));
            return ExitCode::FAILURE;
        }
    };
    let chosen: Vec<JobRecord> = match &options.file {
        Some(file) => {
            let wanted = absolute(file);
            records
                .into_iter()
                .find(|record| concerns(record, &wanted))
                .into_iter()
                .collect()
        }
        None => records.into_iter().take(options.count).collect(),
    };
    if chosen.is_empty() {
        match &options.file {
            Some(file) => complain(format_args!(
                "no compile of {} is in the job log; was it compiled through icecc or its links?",
                file.display()
            )),
            None => complain(
                "the job log is empty: nothing was compiled through icecc or its links yet",
            ),
        }
        return ExitCode::FAILURE;
    }
    let text = if options.json {
        let stories: Vec<Story> = chosen.iter().map(Story::of).collect();
        serde_json::to_string_pretty(&stories)
            .map(|text| text + "\n")
            .unwrap_or_default()
    } else if options.file.is_some() {
        chosen.iter().map(long).collect()
    } else {
        chosen.iter().rev().map(short).collect()
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// `path` from the root, `.` and `..` resolved as text: the file may be gone.
fn absolute(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    let from_root = std::env::current_dir().unwrap_or_default().join(path);
    for part in from_root.components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    whole
}

fn concerns(record: &JobRecord, wanted: &Path) -> bool {
    let directory = Path::new(OsStr::from_bytes(&record.directory));
    [&record.source, &record.output]
        .into_iter()
        .filter(|name| !name.is_empty())
        .any(|name| absolute(&directory.join(OsStr::from_bytes(name))) == wanted)
}

/// One record as `--json` shows it. Fields are added, never renamed.
#[derive(Serialize)]
struct Story {
    started_unix_ms: u64,
    directory: String,
    source: String,
    output: String,
    compiler: String,
    compiled: &'static str,
    executor: String,
    reason: &'static str,
    sentence: &'static str,
    detail: String,
    remedy: &'static str,
    job_id: u32,
    exit_code: Option<i32>,
    total_us: u64,
    sent_bytes: u64,
    received_bytes: u64,
    input: &'static str,
    files: u32,
    why_text: String,
    /// A file names the time.
    names_time: bool,
    toolchain: String,
    phases: Vec<StoryPhase>,
    failed_tries: Vec<StoryTry>,
}

#[derive(Serialize)]
struct StoryPhase {
    phase: &'static str,
    start_us: u64,
    duration_us: u64,
}

#[derive(Serialize)]
struct StoryTry {
    host: String,
    reason: &'static str,
    detail: String,
}

impl Story {
    fn of(record: &JobRecord) -> Self {
        let reason = record.reason();
        Self {
            started_unix_ms: record.started_unix_ms,
            directory: lossy(&record.directory),
            source: lossy(&record.source),
            output: lossy(&record.output),
            compiler: lossy(&record.compiler),
            compiled: place(record),
            executor: record.executor.clone(),
            reason: reason.code(),
            sentence: reason.sentence(),
            detail: record.detail.clone(),
            remedy: reason.remedy(),
            job_id: record.job_id,
            exit_code: record.exit_code,
            total_us: record.total_us,
            sent_bytes: record.sent_bytes,
            received_bytes: record.received_bytes,
            input: record.input().name(),
            files: record.files,
            why_text: record.why_text.clone(),
            names_time: record.names_time,
            toolchain: record.toolchain.clone(),
            phases: record.phases.iter().map(StoryPhase::of).collect(),
            failed_tries: record.failed_tries.iter().map(StoryTry::of).collect(),
        }
    }
}

impl StoryPhase {
    fn of(time: &PhaseTime) -> Self {
        Self {
            phase: time.phase().name(),
            start_us: time.start_us,
            duration_us: time.duration_us,
        }
    }
}

impl StoryTry {
    fn of(failed: &FailedTry) -> Self {
        Self {
            host: failed.host.clone(),
            reason: failed.reason().code(),
            detail: failed.detail.clone(),
        }
    }
}

fn place(record: &JobRecord) -> &'static str {
    match record.compiled() {
        Compiled::Here => "here",
        Compiled::Remote => "remote",
        Compiled::Nowhere => "nowhere",
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One line of the overview.
fn short(record: &JobRecord) -> String {
    let what = if record.source.is_empty() {
        &record.output
    } else {
        &record.source
    };
    let whence = match record.compiled() {
        Compiled::Remote => record.executor.clone(),
        Compiled::Here => format!("here ({})", record.reason().code()),
        Compiled::Nowhere => "nowhere (interrupted)".to_owned(),
    };
    format!(
        "{:>9.1} ms  {whence:<32} {}\n",
        millis(record.total_us),
        lossy(what)
    )
}

/// The story of one job.
fn long(record: &JobRecord) -> String {
    let mut text = String::new();
    let reason = record.reason();
    let what = if record.source.is_empty() {
        &record.compiler
    } else {
        &record.source
    };
    let name = lossy(what);
    // Writing to a String cannot fail.
    let _infallible = match record.compiled() {
        Compiled::Remote => writeln!(
            text,
            "{name} was compiled on {} in {:.1} ms (job {}).",
            record.executor,
            millis(record.total_us),
            record.job_id
        ),
        Compiled::Here => writeln!(text, "{name} was compiled here: {}.", reason.sentence()),
        Compiled::Nowhere => writeln!(text, "{name} was not compiled: {}.", reason.sentence()),
    };
    if record.compiled() == Compiled::Remote && spent(record, Phase::Warnings) > 0 {
        let _infallible = writeln!(
            text,
            "  its warnings, with source lines, are from a run of the compiler's front end here"
        );
    }
    if !record.detail.is_empty() {
        let _infallible = writeln!(text, "  cause: {}", record.detail);
    }
    for failed in &record.failed_tries {
        let why = failed.reason().sentence();
        let _infallible = writeln!(
            text,
            "  tried on {}: {why} ({})",
            failed.host, failed.detail
        );
    }
    if reason != Reason::Remote && !reason.remedy().is_empty() {
        let _infallible = writeln!(text, "  what helps: {}", reason.remedy());
    }
    for phase in Phase::ALL {
        let spent = spent(record, *phase);
        if spent > 0 {
            let _infallible = writeln!(text, "  {:<10} {:>9.1} ms", phase.name(), millis(spent));
        }
    }
    let _infallible = match record.input() {
        Input::Recorded => writeln!(
            text,
            "  it reads {} files, as the last time: none of them has changed",
            record.files
        ),
        Input::SameDirectives => writeln!(
            text,
            "  it reads {} files, as the last time: some have changed, but no directive in them",
            record.files
        ),
        Input::Evaluated => writeln!(
            text,
            "  it reads {} files, found by their directives",
            record.files
        ),
        Input::Text if !record.why_text.is_empty() => {
            writeln!(text, "  it was sent as text: {}", record.why_text)
        }
        Input::Text | Input::Nothing => Ok(()),
    };
    if record.names_time {
        let _infallible = writeln!(
            text,
            "  not repeatable: a file names the time, and the compiler was told that of this host"
        );
    }
    if record.sent_bytes > 0 {
        let _infallible = writeln!(
            text,
            "  sent {} bytes of text, received {} bytes",
            record.sent_bytes, record.received_bytes
        );
    }
    text
}

/// Microseconds in a phase.
fn spent(record: &JobRecord, phase: Phase) -> u64 {
    let times = record.phases.iter().filter(|time| time.phase() == phase);
    times.map(|time| time.duration_us).sum()
}

fn millis(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> JobRecord {
        JobRecord {
            directory: b"/src/build".to_vec(),
            source: b"../a.c".to_vec(),
            output: b"a.o".to_vec(),
            compiled: Compiled::Here.into(),
            reason: Reason::DaemonUnavailable.into(),
            ..JobRecord::default()
        }
    }

    #[test]
    fn a_file_is_found_by_source_and_by_output() {
        assert!(concerns(&record(), Path::new("/src/a.c")));
        assert!(concerns(&record(), Path::new("/src/build/a.o")));
        assert!(!concerns(&record(), Path::new("/src/build/a.c")));
    }

    #[test]
    fn a_remote_compile_says_where_its_warnings_are_from() {
        let mut remote = JobRecord {
            compiled: Compiled::Remote.into(),
            reason: Reason::Remote.into(),
            ..record()
        };
        assert!(!long(&remote).contains("front end"));
        remote.phases.push(PhaseTime {
            phase: Phase::Warnings.into(),
            start_us: 1,
            duration_us: 2000,
        });
        let text = long(&remote);
        assert!(text.contains("front end here\n"), "{text}");
        remote.compiled = Compiled::Here.into();
        assert!(!long(&remote).contains("front end"));
    }

    #[test]
    fn a_local_compile_says_why_and_what_helps() {
        let text = long(&record());
        assert!(
            text.contains("compiled here: no daemon answers on this host"),
            "{text}"
        );
        assert!(text.contains("what helps: start `floe daemon`"), "{text}");
    }
}
