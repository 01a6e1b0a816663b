//! Keeps as many requests alive in placement as streams want and as is fair.

use std::sync::Arc;
use std::time::Duration;

use placement::{Action, Cluster, Member, Time, Unasked};

use super::ledger::{Fault, Ledger, Retry};
use super::words::{StreamKey, Why};

/// How often members that want more than they may have are looked at although nothing of theirs changed: the
/// cluster may have grown, or others may have left.
const AGAIN: Duration = Duration::from_secs(1);
/// After nobody could take a job: the next one is tried so much later, and twice that each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(10);

impl Ledger {
    /// Asks placement for what is wanted, and takes back what is not. `signs`: why this scheduler can
    /// sign nothing, if it cannot.
    pub(crate) fn feed(
        &mut self,
        now: Time,
        cluster: &mut Cluster,
        signs: Result<(), &Arc<str>>,
        actions: &mut Vec<Action>,
    ) {
        for job in std::mem::take(&mut self.dropped) {
            cluster.given_up(job, actions);
        }
        self.judge(cluster);
        if self.changed.is_empty() {
            return;
        }
        let contenders = self.contenders(cluster);
        for member in std::mem::take(&mut self.changed) {
            self.feed_member(now, member, (cluster, contenders), signs, actions);
        }
        if !self.hungry.is_empty() && self.again.is_none() {
            self.again = Some(Time(now.0 + AGAIN));
        }
    }

    /// Which executors are avoided, and which no more.
    fn judge(&mut self, cluster: &mut Cluster) {
        for (member, executor, fault) in std::mem::take(&mut self.blamed) {
            let Some(host) = cluster.host_of(member) else {
                continue;
            };
            match fault {
                Fault::Failed => cluster.avoid(host, executor, true),
                Fault::Missing(wants) => cluster.missing(host, executor, &wants),
                Fault::Unusable(wants) => cluster.unusable(host, executor, &wants),
            }
        }
        for (member, executor) in std::mem::take(&mut self.forgiven) {
            if let Some(host) = cluster.host_of(member) {
                cluster.avoid(host, executor, false);
            }
        }
    }

    /// How many want a part of the cluster: members with wants, and whoever else waits.
    fn contenders(&self, cluster: &Cluster) -> usize {
        let accounts = self.accounts.values();
        let (wanting, waiting) = accounts.fold((0, 0), |(wanting, waiting), account| {
            let (wants, waits) = (account.wanted > 0, account.waiting > 0);
            (wanting + usize::from(wants), waiting + usize::from(waits))
        });
        wanting + cluster.waiting_submitters().saturating_sub(waiting)
    }

    fn feed_member(
        &mut self,
        now: Time,
        member: Member,
        (cluster, contenders): (&mut Cluster, usize),
        signs: Result<(), &Arc<str>>,
        actions: &mut Vec<Action>,
    ) {
        let Some(account) = self.accounts.get(&member) else {
            return;
        };
        let lacks = |stream: &StreamKey| {
            let wanted = self.wants.get(stream);
            wanted.is_some_and(|wanted| wanted.lacks() > 0)
        };
        let mut lacking: Vec<StreamKey> = account.streams.iter().copied().filter(lacks).collect();
        if lacking.is_empty() {
            self.hungry.remove(&member);
            return;
        }
        self.hungry.insert(member);
        let trouble = match (signs, cluster.host_of(member)) {
            (Err(why), _) => Err(Why::Unsigned(Arc::clone(why))),
            (Ok(()), None) => Err(Why::NotLoggedIn),
            (Ok(()), Some(host)) => Ok(host),
        };
        let host = match trouble {
            Ok(host) => host,
            Err(why) => {
                for stream in lacking {
                    self.tell(stream, why.clone());
                }
                return;
            }
        };
        let Some(target) = cluster.host(host).map(|host| host.platform.clone()) else {
            return;
        };
        // In rounds, so that each kind of job gets its part.
        while !lacking.is_empty() {
            lacking.retain(|stream| {
                let Some(mut wants) = self.wants_of(*stream, &target) else {
                    return false;
                };
                if !self.may_ask(now, *stream, cluster.capacity(&wants), contenders) {
                    return false;
                }
                if self.wants.get(stream).is_some_and(|it| it.retry.is_some())
                    && !cluster.is_possible(&wants, host)
                {
                    self.nothing_found(now, *stream, Why::NoSuitableHost);
                    return false;
                }
                let niceness = self.wants.get(stream).map_or(0, |it| it.need().niceness());
                match cluster.wanted(now, (host, niceness), &mut wants, actions) {
                    Ok(job) => self.asked(*stream, job),
                    Err(why) => {
                        self.nothing_found(now, *stream, reason(why));
                        return false;
                    }
                }
                self.wants.get(stream).is_some_and(|it| it.lacks() > 0)
            });
        }
    }

    /// After nothing was found, one job at a time and not before its time.
    fn may_ask(&self, now: Time, stream: StreamKey, slots: usize, contenders: usize) -> bool {
        let Some(wanted) = self.wants.get(&stream) else {
            return false;
        };
        if let Some(retry) = &wanted.retry
            && (now < retry.at || !wanted.waiting.is_empty())
        {
            return false;
        }
        let account = self.accounts.get(&wanted.member);
        account.is_some_and(|account| account.room(now, slots, contenders) > 0)
    }

    fn wants_of(
        &mut self,
        stream: StreamKey,
        target: &job::Platform,
    ) -> Option<Arc<placement::Wants>> {
        let wanted = self.wants.get_mut(&stream)?;
        let need = wanted.need().clone();
        let wants = wanted
            .wants
            .get_or_insert_with(|| Arc::new(need.wants(target)));
        Some(Arc::clone(wants))
    }

    /// The stream hears why, its other requests leave the queue, and it is tried again later.
    pub(super) fn nothing_found(&mut self, now: Time, stream: StreamKey, why: Why) {
        let Some(wanted) = self.wants.get_mut(&stream) else {
            return;
        };
        let pause = wanted
            .retry
            .as_ref()
            .map_or(FIRST_RETRY, |retry| retry.pause);
        wanted.retry = Some(Retry {
            why: why.clone(),
            at: Time(now.0 + pause),
            pause: (pause * 2).min(LAST_RETRY),
        });
        for job in std::mem::take(&mut wanted.waiting) {
            self.forget(job);
            self.dropped.push(job);
        }
        self.tell(stream, why);
    }
}

fn reason(why: Unasked) -> Why {
    match why {
        Unasked::NoHost => Why::NotLoggedIn,
        Unasked::TooManyJobs => Why::TooManyJobs,
        Unasked::TooManyKinds => Why::TooManyKinds,
    }
}
