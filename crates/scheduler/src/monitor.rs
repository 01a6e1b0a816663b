//! What monitors are told, and the log lines for the same events.

use icecream::Message;
use icecream::monitor::{HostState, HostStats, LoadDetail};
use job::HostId;
use placement::{Cluster, Figures, Host, Notice, Stage, Task};

/// The cluster as it is now: all hosts, then all jobs, so that a monitor that comes late is not
/// blind (icecream tells it of no job that has already begun).
pub(crate) fn picture(cluster: &Cluster) -> Vec<Message> {
    let hosts = cluster.hosts().into_iter().map(|host| stats(host, false));
    let jobs = cluster.tasks().into_iter().flat_map(job);
    hosts.chain(jobs).collect()
}

/// The message for a change; `None` when monitors have no word for it.
pub(crate) fn message(cluster: &Cluster, notice: &Notice) -> Option<Message> {
    let message = match notice {
        Notice::HostJoined { host } => stats(cluster.host(*host)?, false),
        Notice::HostLoad { host } => stats(cluster.host(*host)?, true),
        Notice::HostGone { host } => Message::MonStats(icecream::MonStats {
            host_id: host.0,
            text: HostState::Offline.to_text(),
        }),
        Notice::Queued {
            job,
            submitter,
            language,
            file,
        } => queued(job.0, *submitter, *language, file),
        Notice::Began {
            job,
            host,
            start_time,
        } => began(job.0, *host, *start_time),
        Notice::Ended {
            job,
            figures,
            from_submitter,
            client_count,
            ..
        } => ended(job.0, figures, *from_submitter, *client_count),
        Notice::LocalBegan {
            job,
            host,
            start_time,
            file,
            ..
        } => local_began(job.0, *host, *start_time, file),
        Notice::LocalEnded { job } => {
            Message::JobLocalDone(icecream::JobLocalDone { job_id: job.0 })
        }
        Notice::Waits { .. } | Notice::NotItsBegin { .. } => return None,
    };
    Some(message)
}

/// Writes the change to the log, in icecream's words where scripts look for them.
pub(crate) fn log(cluster: &Cluster, notice: &Notice) {
    let name = |host: &HostId| {
        cluster
            .host(*host)
            .map_or("<unknown>", |host| host.name.as_str())
    };
    match notice {
        Notice::Queued {
            job,
            submitter,
            file,
            ..
        } => {
            tracing::debug!(
                "NEW {job} client={} {}",
                name(submitter),
                String::from_utf8_lossy(file)
            );
        }
        Notice::Began { job, host, .. } => tracing::debug!("BEGIN: {job} server={}", name(host)),
        Notice::Ended { job, figures, .. } => {
            tracing::debug!("END {job} status={}", figures.exit_code);
        }
        Notice::LocalBegan {
            job,
            host,
            file,
            full,
            ..
        } => {
            let full = if *full { "(full) " } else { "" };
            let file = String::from_utf8_lossy(file);
            tracing::debug!("handle_local_job {full}{file} {job} on {}", name(host));
        }
        Notice::Waits { job } => tracing::debug!("{job} waits at its executor"),
        Notice::LocalEnded { job } => tracing::debug!("handle_local_job_done {job}"),
        Notice::NotItsBegin { job, host } => {
            tracing::warn!("that job isn't handled by {} (job {job})", name(host));
        }
        Notice::HostJoined { .. } | Notice::HostLoad { .. } | Notice::HostGone { .. } => {}
    }
}

fn stats(host: &Host, with_load: bool) -> Message {
    let detail = host.load().filter(|_| with_load).map(|load| LoadDetail {
        load_avg_1: load.average_1,
        load_avg_5: load.average_5,
        load_avg_10: load.average_15,
        free_mem: load.free_memory,
    });
    let state = HostState::Online(HostStats {
        name: host.name.to_string(),
        ip: host.address.to_string(),
        max_jobs: host.slots,
        no_remote: host.no_remote,
        platform: host.platform.to_string(),
        version: host.version,
        features: host.features,
        speed: host.shown_speed(),
        load: host.shown_load(),
        detail,
    });
    Message::MonStats(icecream::MonStats {
        host_id: host.id.0,
        text: state.to_text(),
    })
}

/// All that led to a job's present state.
fn job(task: &Task) -> Vec<Message> {
    if task.is_local() {
        return vec![local_began(
            task.id.0,
            task.submitter,
            task.start_time,
            &task.file,
        )];
    }
    let mut messages = vec![queued(task.id.0, task.submitter, task.language, &task.file)];
    if let Stage::Running { host } = task.stage() {
        messages.push(began(task.id.0, host, task.start_time));
    }
    messages
}

fn queued(job_id: u32, submitter: HostId, lang: u32, file: &[u8]) -> Message {
    let filename = file.to_vec();
    Message::MonGetCs(icecream::MonGetCs {
        filename,
        lang,
        job_id,
        client_host_id: submitter.0,
    })
}

fn began(job_id: u32, host: HostId, start_time: u32) -> Message {
    Message::MonJobBegin(icecream::MonJobBegin {
        job_id,
        start_time,
        host_id: host.0,
    })
}

fn ended(job_id: u32, figures: &Figures, from_submitter: bool, client_count: u32) -> Message {
    Message::MonJobDone(icecream::JobDone {
        job_id,
        exit_code: figures.exit_code,
        real_msec: figures.real_msec,
        user_msec: figures.user_msec,
        sys_msec: figures.sys_msec,
        page_faults: figures.page_faults,
        in_compressed: figures.in_compressed,
        in_uncompressed: figures.in_uncompressed,
        out_compressed: figures.out_compressed,
        out_uncompressed: figures.out_uncompressed,
        flags: from_submitter.into(),
        client_count,
    })
}

fn local_began(job_id: u32, host: HostId, start_time: u32, file: &[u8]) -> Message {
    let file = file.to_vec();
    Message::MonLocalJobBegin(icecream::MonLocalJobBegin {
        host_id: host.0,
        job_id,
        start_time,
        file,
    })
}
