//! Several schedulers in one cluster: they tell each other that they run, and all but one send those who come
//! to that one. [`policy`] decides; here are the clock and the connections.

mod policy;
mod talk;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use membership::{Live, MemberId, SchedulerAt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use transport::{HostPort, Schedulers};
use wire::field::{Line, List};
use wire::message::{Address, Elected};
use wire::name::{HostText, Port};

use crate::core::Input;
use policy::Election;
pub(crate) use policy::{Candidate, Event, Verdict};
pub(crate) use talk::converse;

/// Events that wait for the one who decides.
const MAX_EVENTS: usize = 256;

/// What those need to know who answer at the door.
#[derive(Clone, Debug)]
pub(crate) struct Ballot {
    pub(crate) own: Arc<Candidate>,
    port: Port,
    verdict: watch::Receiver<Verdict>,
    events: mpsc::Sender<Event>,
    last_stream: Arc<AtomicU64>,
}

/// The deciding task's own ends.
#[derive(Debug)]
pub(crate) struct Count {
    ballot: Ballot,
    verdict: watch::Sender<Verdict>,
    events: mpsc::Receiver<Event>,
}

/// Before anything runs.
pub(crate) fn prepare(own: Candidate, port: Port) -> (Ballot, Count) {
    let (verdict, shown) = watch::channel(Verdict::Open);
    let (sender, events) = mpsc::channel(MAX_EVENTS);
    let ballot = Ballot {
        own: Arc::new(own),
        port,
        verdict: shown,
        events: sender,
        last_stream: Arc::default(),
    };
    let count = Count {
        ballot: ballot.clone(),
        verdict,
        events,
    };
    (ballot, count)
}

impl Ballot {
    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict.borrow().clone()
    }

    /// Waits until there is one, some seconds at most.
    pub(crate) async fn decided(&self) -> Verdict {
        let mut verdict = self.verdict.clone();
        let decided = verdict.wait_for(|verdict| *verdict != Verdict::Open).await;
        // Without the deciding task this scheduler ends.
        decided.map_or(Verdict::Open, |verdict| verdict.clone())
    }

    /// The verdict as those are told it who ask.
    pub(crate) fn elected(&self, verdict: Verdict) -> Elected {
        let (member, addresses, why) = match verdict {
            Verdict::Other { elected, why } => (elected.member, elected.addresses, why),
            Verdict::Own { why } => (self.own.member, self.own.addresses.clone(), why),
            Verdict::Open => (
                self.own.member,
                Vec::new(),
                "it has just started".to_owned(),
            ),
        };
        Elected {
            scheduler: member,
            addresses: wire_addresses(&addresses),
            why: Line::new(&why),
        }
    }

    fn stream(&self) -> u64 {
        self.last_stream.fetch_add(1, Ordering::Relaxed)
    }
}

/// Those that can be said.
fn wire_addresses(places: &[HostPort]) -> List<Address, 16> {
    let address = |place: &HostPort| {
        Some(Address {
            host: HostText::parse(&place.host).ok()?,
            port: Port::new(place.port.into()).ok()?,
        })
    };
    List::new(places.iter().filter_map(address).take(16).collect()).unwrap_or_default()
}

impl Count {
    /// Decides for ever, and tells the owner of the state when another one is in charge.
    pub(crate) async fn keep(
        mut self,
        live: Live,
        mut schedulers: watch::Receiver<Schedulers>,
        inputs: mpsc::Sender<Input>,
    ) {
        let began = Instant::now();
        let mut election = Election::new(self.ballot.own.as_ref().clone());
        let mut talks: JoinSet<()> = JoinSet::new();
        let mut called: BTreeMap<MemberId, watch::Sender<Vec<HostPort>>> = BTreeMap::new();
        let mut told = true;
        loop {
            if told {
                let known = schedulers.borrow_and_update().clone();
                let all = places(&known.all);
                for (member, addresses) in &all {
                    if *member == self.ballot.own.member {
                        continue;
                    }
                    let talk = called.entry(*member).or_insert_with(|| {
                        let (places, shown) = watch::channel(Vec::new());
                        talks.spawn(talk::keep(
                            live.clone(),
                            *member,
                            shown,
                            self.ballot.clone(),
                        ));
                        places
                    });
                    talk.send_replace(addresses.clone());
                }
                if known.asked {
                    election.apply(began.elapsed(), Event::Known(all));
                }
                told = false;
            }
            let verdict = election.verdict(began.elapsed());
            if *self.verdict.borrow() != verdict {
                say(&verdict, &self.verdict.borrow());
                self.verdict.send_replace(verdict);
                if inputs
                    .send(Input::Elected(self.ballot.verdict()))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            let deadline = election.deadline(began.elapsed());
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(event) => election.apply(began.elapsed(), event),
                    None => return,
                },
                changed = schedulers.changed(), if schedulers.has_changed().is_ok() => told = changed.is_ok(),
                () = sleep_until(began + deadline.unwrap_or_default()), if deadline.is_some() => {}
            }
        }
    }
}

fn places(all: &[SchedulerAt]) -> BTreeMap<MemberId, Vec<HostPort>> {
    let place = |address: &membership::Address| HostPort {
        host: address.host().to_owned(),
        port: address.port(),
    };
    let row = |at: &SchedulerAt| (at.member, at.addresses.iter().map(place).collect());
    all.iter().map(row).collect()
}

/// The reason may change without the verdict; only the verdict is news.
fn say(verdict: &Verdict, before: &Verdict) {
    match (verdict, before) {
        (Verdict::Own { .. }, Verdict::Own { .. }) | (Verdict::Open, _) => {}
        (Verdict::Own { why }, _) => tracing::info!("this scheduler is elected: {why}"),
        (Verdict::Other { elected, .. }, Verdict::Other { elected: old, .. })
            if elected.member == old.member => {}
        (Verdict::Other { elected, why }, _) => {
            tracing::info!("scheduler {} is elected: {why}", elected.name);
        }
    }
}
