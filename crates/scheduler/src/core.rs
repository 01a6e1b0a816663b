//! What the scheduler's one task owns: the cluster, who is connected, and who watches.

mod answers;
mod input;
mod native;
mod telling;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use icecream::Message;
use job::HostId;
use membership::Peer as Member;
use placement::{Action, Cluster, Event, Settings, Time};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use transport::{Gate, HostPort, host_port};

use crate::Config;
use crate::connection::{Hello, Newcomer, Peer};
use crate::election::Verdict;
use crate::monitor;
use crate::outbox::Outbox;
use crate::probe;
use crate::translate::{self, Meaning};

pub(crate) use input::{Input, Internals};
use native::Natives;

/// Seconds between a daemon's load samples, and icecream's second figure, which nobody uses.
const CONF: icecream::CsConf = icecream::CsConf {
    max_scheduler_pong: 3,
    max_scheduler_ping: 36,
    bench_source: String::new(),
};

#[derive(Debug)]
struct Daemon {
    outbox: Outbox,
    probe: Option<JoinHandle<()>>,
    /// GET_INTERNALS that it has not answered.
    unanswered: u32,
    curious: Vec<oneshot::Sender<String>>,
    member: Option<Member>,
    _stop: oneshot::Sender<()>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(probe) = &self.probe {
            probe.abort();
        }
    }
}

#[derive(Debug)]
struct Monitor {
    outbox: Outbox,
    member: Option<Member>,
    _stop: oneshot::Sender<()>,
}

/// The state of the scheduler.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) cluster: Cluster,
    started: Instant,
    persistent_clients: bool,
    gate: Gate,
    inputs: mpsc::Sender<Input>,
    daemons: HashMap<Peer, Daemon>,
    monitors: HashMap<Peer, Monitor>,
    natives: Natives,
    actions: Vec<Action>,
    /// Connections with messages that are not handed to their writers yet.
    filled: Vec<Peer>,
}

impl Core {
    pub(crate) fn new(config: &Config, inputs: mpsc::Sender<Input>) -> Self {
        let settings = Settings {
            algorithm: config.algorithm,
            seed: config.seed,
        };
        let mut core = Self {
            cluster: Cluster::new(settings),
            started: Instant::now(),
            persistent_clients: config.persistent_clients,
            gate: config.gate.clone(),
            inputs,
            daemons: HashMap::new(),
            monitors: HashMap::new(),
            natives: Natives::new(config.papers.clone()),
            actions: Vec::new(),
            filled: Vec::new(),
        };
        core.recheck(core.now());
        core
    }

    pub(crate) fn now(&self) -> Time {
        Time(self.started.elapsed())
    }

    /// How long until [`Self::tick`] is due.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let deadlines = [self.cluster.deadline(), self.natives.ledger.deadline()];
        let deadline = deadlines.into_iter().flatten().min();
        deadline.map(|deadline| deadline.since(self.now()))
    }

    /// Takes note of one thing that happened.
    pub(crate) fn apply(&mut self, now: Time, input: Input) {
        match input {
            Input::Arrived(newcomer) => self.arrived(now, newcomer),
            Input::Said { peer, messages } => {
                for message in messages {
                    self.said(now, peer, message);
                }
            }
            Input::Closed { peer, why } => self.closed(now, peer, why.as_deref()),
            Input::Probed { peer, reachable } => {
                if !reachable {
                    self.log_unreachable(peer);
                } else if let Some(host) = self.cluster.host(HostId(peer.0))
                    && host.member.is_some()
                    && host.reach != placement::Reach::Open
                {
                    self.natives.ledger.executor_came(now);
                }
                self.event(
                    now,
                    Event::Probed {
                        host: HostId(peer.0),
                        reachable,
                    },
                );
            }
            Input::Outranked { text } => self.outranked(now, &text),
            Input::Command { command, answer } => {
                let text = self.command(now, command);
                let _gone = answer.send(text);
            }
            Input::Look { member, answer } => {
                let _gone = answer.send(self.shown_to(now, &member));
            }
            Input::Internals { names, answer } => {
                let asked = self.ask_internals(&names);
                let _gone = answer.send(asked);
            }
            Input::Native(input) => self.native(now, input),
            Input::Elected(Verdict::Other { elected, .. }) => {
                self.outranked(now, &format!("scheduler {}", elected.name));
            }
            Input::Elected(Verdict::Own { .. } | Verdict::Open) => {}
            Input::Recheck => self.recheck(now),
        }
    }

    /// Acts on all that was noted: places jobs, and hands messages to the writers.
    pub(crate) fn settle(&mut self, now: Time) {
        loop {
            self.feed(now);
            self.cluster.place(now, &mut self.actions);
            self.perform(now);
            self.tell_streams(now);
            let mut lost = Vec::new();
            for peer in std::mem::take(&mut self.filled) {
                if let Some(outbox) = self.outbox(peer)
                    && outbox.flush().is_err()
                {
                    lost.push(peer);
                }
            }
            if lost.is_empty() && !self.natives.ledger.owes() {
                return;
            }
            for peer in lost {
                self.closed(now, peer, Some("it does not read what it is sent"));
            }
        }
    }

    pub(crate) fn tick(&mut self, now: Time) {
        self.event(now, Event::Tick);
        self.natives.ledger.tick(now);
    }

    /// Says good-bye to monitors; daemons see the end of the connection.
    pub(crate) fn shut_down(&mut self) {
        for monitor in self.monitors.values_mut() {
            monitor.outbox.push(Message::End);
            let _gone = monitor.outbox.flush();
        }
        self.monitors.clear();
        self.daemons.clear();
        self.natives = Natives::new(None);
    }

    fn event(&mut self, now: Time, event: Event) {
        self.cluster.apply(now, event, &mut self.actions);
        self.perform(now);
    }

    fn arrived(&mut self, now: Time, newcomer: Newcomer) {
        let Newcomer {
            peer,
            hello,
            sender,
            member,
            stop,
        } = newcomer;
        let (address, version) = (sender.peer_addr().ip(), sender.peer_maximum());
        let from = sender.peer_addr().to_string();
        let inputs = self.inputs.clone();
        let failed = move |why| {
            tokio::spawn(async move {
                inputs
                    .send(Input::Closed {
                        peer,
                        why: Some(why),
                    })
                    .await
            });
        };
        let outbox = Outbox::start(sender, failed);
        let login = match hello {
            Hello::Monitor => {
                tracing::info!("monitor {from} logged in");
                self.monitors.insert(
                    peer,
                    Monitor {
                        outbox,
                        member,
                        _stop: stop,
                    },
                );
                for message in monitor::picture(&self.cluster) {
                    self.tell(peer, message);
                }
                return;
            }
            Hello::Daemon(login) => *login,
        };
        let Some(address) = address else { return };
        let environments = login.environments.len();
        let login = match translate::login(&login, address, version) {
            Ok(login) => placement::Login {
                member: member.as_ref().map(native::key),
                ..login
            },
            Err(error) => {
                tracing::warn!("login of {from} refused: {error}");
                return;
            }
        };
        tracing::info!(
            "login {} protocol version: {version} features: {} [{environments} toolchains] from {from}",
            login.name,
            icecream::monitor::feature_names(login.features),
        );
        if let Some(member) = &member {
            tracing::info!(
                "{} is member {} ({})",
                login.name,
                member.name,
                member.member
            );
        }
        let (probed, known) = (!login.no_remote, login.member);
        let advertised = member.as_ref().map(|it| self.natives.advertised(it.member));
        let advertised = advertised.unwrap_or_default().iter().filter_map(host_port);
        let mut targets: Vec<_> = advertised.collect();
        if targets.is_empty() {
            targets.push(HostPort {
                host: address.to_string(),
                port: login.port,
            });
        }
        let daemon = Daemon {
            outbox,
            probe: None,
            unanswered: 0,
            curious: Vec::new(),
            member,
            _stop: stop,
        };
        self.daemons.insert(peer, daemon);
        self.tell(peer, Message::CsConf(CONF));
        self.event(
            now,
            Event::Login {
                host: HostId(peer.0),
                login,
            },
        );
        if let Some(member) = known {
            self.natives.ledger.logged_in(member);
        }
        if probed && let Some(daemon) = self.daemons.get_mut(&peer) {
            daemon.probe = Some(start_probe(targets, peer, self.inputs.clone()));
        }
    }

    fn said(&mut self, now: Time, peer: Peer, message: Message) {
        if !self.daemons.contains_key(&peer) {
            return; // a monitor has nothing to say, and others are gone
        }
        match translate::meaning(HostId(peer.0), message) {
            Meaning::Event(event) => self.event(now, *event),
            Meaning::Renewal(event) => {
                self.event(now, *event);
                self.tell(peer, Message::CsConf(CONF));
            }
            Meaning::Internals(text) => self.described(now, peer, &text),
            Meaning::Logout => self.closed(now, peer, Some("it logged out")),
            Meaning::OutOfPlace(kind) => {
                let why = format!("it sent a {kind} message, which is none for schedulers");
                self.closed(now, peer, Some(&why));
            }
            Meaning::Nothing => {}
        }
    }

    fn closed(&mut self, now: Time, peer: Peer, why: Option<&str>) {
        let why = why.unwrap_or("it closed the connection");
        if self.monitors.remove(&peer).is_some() {
            tracing::info!("monitor {} is gone: {why}", peer.0);
        }
        if self.daemons.remove(&peer).is_some() {
            if let Some(host) = self.cluster.host(HostId(peer.0)) {
                tracing::info!("remove daemon {} ({}): {why}", host.name, host.address);
            }
            self.event(
                now,
                Event::Lost {
                    host: HostId(peer.0),
                },
            );
        }
    }

    fn outranked(&mut self, now: Time, text: &str) {
        let nobody = self.daemons.is_empty() && self.monitors.is_empty();
        if self.persistent_clients || nobody && self.natives.is_unused() {
            return;
        }
        tracing::info!(
            "{text} has announced itself as a preferred scheduler, disconnecting all connections."
        );
        self.event(now, Event::Yield);
        self.daemons.clear();
        self.monitors.clear();
        self.natives.unlink_all();
    }

    /// Carries out what the cluster decided.
    fn perform(&mut self, now: Time) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Assign(assignment) => {
                    self.log_assignment(&assignment);
                    if assignment.native {
                        self.granted(now, assignment);
                        continue;
                    }
                    let from = self.cluster.host(assignment.submitter);
                    let hears = from
                        .is_some_and(|from| from.features & icecream::Login::HEARS_REASONS != 0);
                    let answer = translate::answer(&assignment, hears);
                    self.tell(Peer(assignment.submitter.0), answer);
                }
                Action::Disconnect { host, why } => {
                    let gone = self.daemons.remove(&Peer(host.0));
                    telling::dismissed(host, &why, gone.as_ref().and_then(|it| it.member.as_ref()));
                }
                Action::Notice(notice) => {
                    if !self.natives.ledger.is_idle() {
                        self.note(now, &notice);
                    }
                    self.announce(&notice);
                }
            }
        }
        self.actions = actions; // keeps its room
    }
}

fn start_probe(targets: Vec<HostPort>, peer: Peer, inputs: mpsc::Sender<Input>) -> JoinHandle<()> {
    tokio::spawn(probe::probe(targets, async move |reachable| {
        inputs.send(Input::Probed { peer, reachable }).await.is_ok()
    }))
}
