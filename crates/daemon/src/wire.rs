//! The seam to icecream: the core's reports and placements as messages, and back.

use icecream::{GetCs, JobBegin, JobDone, JobLocalBegin, JobLocalDone, Message, NoCs, UseCs};
use job::{ClientId, JobId, Reason};

use crate::core::{From as Role, Placement, Report, Usage, code};

/// JOB_DONE's flags: said by the submit host; the number is a client's, not a job's.
const FROM_SUBMITTER: u32 = 1;
const CLIENT_NUMBER: u32 = 2;

/// The host name in USE_CS that means "compile it yourself".
pub(crate) const HOME: &str = "127.0.0.1";

/// What the scheduler is told. `request` is what the client of [`Report::Request`] just sent;
/// `now` is in Unix seconds.
pub(crate) fn report(report: Report, request: Option<GetCs>, now: u32) -> Option<Message> {
    Some(match report {
        Report::Request {
            client,
            client_count,
        } => Message::GetCs(GetCs {
            client_id: client.0,
            client_count,
            ..request?
        }),
        Report::Waits { job, client_count } => Message::JobBegin(JobBegin {
            job_id: job.0,
            start_time: JobBegin::WAITS,
            client_count,
        }),
        Report::Begun { job, client_count } => Message::JobBegin(JobBegin {
            job_id: job.0,
            start_time: now,
            client_count,
        }),
        Report::Done {
            job,
            usage,
            from,
            client_count,
        } => {
            let flags = if from == Role::Submitter {
                FROM_SUBMITTER
            } else {
                0
            };
            Message::JobDone(JobDone {
                client_count,
                flags,
                ..job_done(job, usage)
            })
        }
        Report::Withdrawn {
            client,
            client_count,
        } => Message::JobDone(JobDone {
            client_count,
            flags: FROM_SUBMITTER | CLIENT_NUMBER,
            ..job_done(JobId(client.0), Usage::failed(code::CLOSED))
        }),
        Report::LocalBegun {
            client,
            outfile,
            full,
        } => Message::JobLocalBegin(JobLocalBegin {
            start_time: now,
            outfile,
            id: client.0,
            full,
        }),
        Report::LocalDone { client } => Message::JobLocalDone(JobLocalDone { job_id: client.0 }),
    })
}

/// What a client said of its compile at home.
pub(crate) fn usage(done: &JobDone) -> Usage {
    Usage {
        exit_code: done.exit_code,
        real_msec: done.real_msec,
        user_msec: done.user_msec,
        sys_msec: done.sys_msec,
        page_faults: done.page_faults,
        in_compressed: done.in_compressed,
        in_uncompressed: done.in_uncompressed,
        out_bytes: done.out_uncompressed,
    }
}

/// The scheduler's placement, and whose request it answers.
pub(crate) fn placement(message: UseCs) -> (ClientId, Placement) {
    let placement = Placement {
        job: JobId(message.job_id),
        host: message.hostname,
        port: message.port,
        platform: message.host_platform,
        has_toolchain: message.got_env,
        matched: JobId(message.matched_job_id),
    };
    (ClientId(message.client_id), placement)
}

/// The same for the client that asked.
pub(crate) fn use_host(client: ClientId, placement: Placement) -> Message {
    Message::UseCs(UseCs {
        job_id: placement.job.0,
        port: placement.port,
        hostname: placement.host,
        host_platform: placement.platform,
        got_env: placement.has_toolchain,
        client_id: client.0,
        matched_job_id: placement.matched.0,
    })
}

/// "Compile it yourself"; `port` is this daemon's own, 0 when it has none. icecream's clients do not
/// look at the client's number, always 1 from its daemon; floe's take 0 for a missing scheduler.
pub(crate) fn use_home(job: JobId, port: u16, has_scheduler: bool, why: Option<Reason>) -> Message {
    Message::UseCs(UseCs {
        job_id: job.0,
        port: port.into(),
        hostname: HOME.to_owned(),
        host_platform: String::new(),
        got_env: true,
        client_id: match why {
            Some(_) => UseCs::WITH_REASON,
            None => has_scheduler.into(),
        },
        matched_job_id: why.map_or(0, |why| why as u32),
    })
}

/// Why a scheduler sends a job back, if the message says that it does and why.
pub(crate) fn reason(message: &UseCs) -> Option<Reason> {
    let says = message.hostname.is_empty();
    says.then(|| Reason::of_answer(message.matched_job_id))
}

/// The job that a scheduler sends back, and whose request that answers.
pub(crate) fn sent_home(message: &NoCs) -> (ClientId, JobId) {
    (ClientId(message.client_id), JobId(message.job_id))
}

/// The start signal of a local job.
pub(crate) fn start_local() -> Message {
    Message::JobLocalBegin(JobLocalBegin {
        start_time: 0,
        outfile: Vec::new(),
        id: 0,
        full: false,
    })
}

fn job_done(job: JobId, usage: Usage) -> JobDone {
    JobDone {
        job_id: job.0,
        exit_code: usage.exit_code,
        real_msec: usage.real_msec,
        user_msec: usage.user_msec,
        sys_msec: usage.sys_msec,
        page_faults: usage.page_faults,
        in_compressed: usage.in_compressed,
        in_uncompressed: usage.in_uncompressed,
        // Not a compressed size in icecream either (protocol, trap 27).
        out_compressed: usage.out_bytes,
        out_uncompressed: usage.out_bytes,
        flags: 0,
        client_count: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawn_request_is_a_job_done_under_the_clients_number() {
        let withdrawn = Report::Withdrawn {
            client: ClientId(7),
            client_count: 2,
        };
        let Some(Message::JobDone(done)) = report(withdrawn, None, 0) else {
            panic!()
        };
        assert_eq!(
            (done.job_id, done.exit_code, done.flags, done.client_count),
            (7, 118, 3, 2)
        );
    }

    #[test]
    fn a_forwarded_request_carries_this_daemons_numbers() {
        let asked = GetCs {
            versions: Vec::new(),
            filename: b"a/b.c".to_vec(),
            lang: 1,
            count: 1,
            target: "x86_64".into(),
            arg_flags: 9,
            client_id: 0,
            preferred_host: String::new(),
            ignore_unverified: 0,
            minimal_host_version: 21,
            client_count: 0,
            required_features: 0,
            niceness: 3,
        };
        let wanted = Report::Request {
            client: ClientId(5),
            client_count: 4,
        };
        let Some(Message::GetCs(sent)) = report(wanted, Some(asked.clone()), 0) else {
            panic!()
        };
        assert_eq!(
            sent,
            GetCs {
                client_id: 5,
                client_count: 4,
                ..asked
            }
        );
    }

    #[test]
    fn a_placement_survives_both_directions() {
        let message = UseCs {
            job_id: 3,
            port: 10245,
            hostname: "10.0.0.9".into(),
            host_platform: "x86_64".into(),
            got_env: false,
            client_id: 8,
            matched_job_id: 2,
        };
        let (client, placed) = placement(message.clone());
        assert_eq!(use_host(client, placed), Message::UseCs(message));
    }
}
