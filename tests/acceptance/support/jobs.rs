//! Where the compiles of a build ran, as its own client recorded it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use job::{Compiled, JobRecord, Reason};
use lab::{Cluster, Host, Launch, Suite};

/// Counts of a build's jobs.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Jobs {
    /// Compiled on another host, by that host's name.
    pub remote: BTreeMap<String, usize>,
    /// Compiled here, by reason; Debian's client says only that it did.
    pub local: BTreeMap<String, usize>,
    /// Tries that broke, by reason.
    pub failed_tries: BTreeMap<String, usize>,
}

/// Where Debian's client writes what it does.
const LOG: &str = "client.log";

/// Prepares a client's command so that [`of`] can tell where its compiles ran.
pub fn record(launch: Launch, host: &Host, suite: Suite) -> Launch {
    match suite {
        Suite::Floe => launch,
        Suite::Debian => launch
            .env("ICECC_DEBUG", "debug")
            .env("ICECC_LOGFILE", host.home().join(LOG)),
    }
}

/// Forgets what was recorded on a host.
pub fn forget(host: &Host) {
    let _ = fs::remove_file(host.home().join(LOG));
    let _ = fs::remove_dir_all(host.home().join(".local/state/floe"));
}

/// The jobs that a client of `suite` recorded on `host`.
pub fn of(cluster: &Cluster, host: &Host, suite: Suite) -> Result<Jobs> {
    match suite {
        Suite::Floe => floe(cluster, host),
        Suite::Debian => debian(cluster, host),
    }
}

fn floe(cluster: &Cluster, host: &Host) -> Result<Jobs> {
    let mut jobs = Jobs::default();
    for record in settled(&host.home().join(".local/state/floe"))? {
        for failed in &record.failed_tries {
            let reason = Reason::try_from(failed.reason).unwrap_or(Reason::Unspecified);
            // It gave a result; the local compiler repeats it with its own words.
            if reason == Reason::Diagnostics {
                continue;
            }
            *jobs
                .failed_tries
                .entry(reason.code().to_owned())
                .or_default() += 1;
        }
        if record.compiled == Compiled::Remote as i32 {
            *jobs
                .remote
                .entry(host_name(cluster, &record.executor))
                .or_default() += 1;
        } else {
            let reason = Reason::try_from(record.reason).unwrap_or(Reason::Unspecified);
            *jobs.local.entry(reason.code().to_owned()).or_default() += 1;
        }
    }
    Ok(jobs)
}

/// How many remote jobs had what for input, and why text, where floe is the client.
pub fn inputs(host: &Host) -> Result<(BTreeMap<String, usize>, Vec<String>)> {
    let mut inputs = BTreeMap::<String, usize>::new();
    let mut why = Vec::new();
    for record in settled(&host.home().join(".local/state/floe"))? {
        let name = match record.compiled() {
            Compiled::Remote => record.input().name(),
            _ => "here",
        };
        *inputs.entry(name.to_owned()).or_default() += 1;
        if !record.why_text.is_empty() {
            why.push(record.why_text);
        }
    }
    why.sort();
    why.dedup();
    Ok((inputs, why))
}

/// The job log when nothing has been added to it for a while: records may follow the answers that
/// they tell of.
fn settled(state: &Path) -> Result<Vec<JobRecord>> {
    let read = || handover::log::read_newest_first(state).context("the job log");
    let mut last = read()?;
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(300));
        let now = read()?;
        if now.len() == last.len() {
            break;
        }
        last = now;
    }
    Ok(last)
}

fn debian(cluster: &Cluster, host: &Host) -> Result<Jobs> {
    let mut jobs = Jobs::default();
    let path = host.home().join(LOG);
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    for line in String::from_utf8_lossy(&text).lines() {
        if let Some((_, place)) = line.split_once("Have to use host ") {
            *jobs.remote.entry(host_name(cluster, place)).or_default() += 1;
        } else if line.contains("<building_local>") {
            *jobs.local.entry("building_local".to_owned()).or_default() += 1;
        } else if line.contains("building myself, but telling localhost") {
            *jobs.local.entry("sent home".to_owned()).or_default() += 1;
        } else if line.contains("got exception ") {
            *jobs.failed_tries.entry("exception".to_owned()).or_default() += 1;
        }
    }
    Ok(jobs)
}

/// The name of the host whose address a text begins with or holds in brackets.
fn host_name(cluster: &Cluster, text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .collect();
    cluster
        .lab()
        .hosts()
        .iter()
        .find(|host| words.contains(&host.address().to_string().as_str()))
        .map_or_else(|| text.to_owned(), |host| host.name().to_owned())
}

impl Jobs {
    pub fn remote_total(&self) -> usize {
        self.remote.values().sum()
    }

    pub fn local_total(&self) -> usize {
        self.local.values().sum()
    }
}
