//! A slot of this host, held as long as the daemon's connection is.

use std::time::Instant;

use icecream::{JobDone, Message};
use transport::Channel;

/// The right to run one compiler here. Dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Slot {
    channel: Box<Channel>,
    /// The scheduler counts the job and wants to hear of its end.
    job: Option<u32>,
    since: Instant,
}

/// JOB_DONE comes from the submitter.
const FROM_SUBMITTER: u32 = 1;

impl Slot {
    pub(super) fn local(channel: Channel) -> Self {
        Self {
            channel: Box::new(channel),
            job: None,
            since: Instant::now(),
        }
    }

    pub(super) fn sent_home(channel: Channel, job: u32) -> Self {
        Self {
            channel: Box::new(channel),
            job: Some(job),
            since: Instant::now(),
        }
    }

    /// The compiler ended. How it ended nobody asked: it was the user's own.
    pub(crate) async fn release(mut self) {
        let Some(job_id) = self.job else { return };
        let done = JobDone {
            job_id,
            real_msec: u32::try_from(self.since.elapsed().as_millis()).unwrap_or(u32::MAX),
            flags: FROM_SUBMITTER,
            ..JobDone::default()
        };
        // A daemon that went away has told the scheduler already.
        if self.channel.feed(&Message::JobDone(done)).is_ok()
            && self.channel.feed(&Message::End).is_ok()
        {
            let _ = self.channel.flush().await;
        }
    }
}
