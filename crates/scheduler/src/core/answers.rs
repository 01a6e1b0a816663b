//! What is asked at the control port.

use icecream::Message;
use membership::{Peer as Member, Role};
use placement::{Event, Task, Time};
use tokio::sync::oneshot;

use super::{Core, Internals, native};
use crate::connection::Peer;
use crate::control::{Command, report};

impl Core {
    pub(super) fn ask_internals(&mut self, names: &[String]) -> Vec<Internals> {
        let mut asked = Vec::new();
        let hosts: Vec<_> = self
            .cluster
            .hosts()
            .iter()
            .map(|host| (host.id, host.name.to_string()))
            .collect();
        for (host, name) in hosts {
            let wanted = |wanted: &String| {
                self.cluster
                    .host(host)
                    .is_some_and(|host| host.is_called(wanted))
            };
            if !names.is_empty() && !names.iter().any(wanted) {
                continue;
            }
            let peer = Peer(host.0);
            let Some(daemon) = self.daemons.get_mut(&peer) else {
                continue;
            };
            let (sender, text) = oneshot::channel();
            daemon.curious.retain(|curious| !curious.is_closed());
            let first = daemon.curious.is_empty();
            daemon.curious.push(sender);
            asked.push(Internals { name, text });
            if first {
                daemon.unanswered = daemon.unanswered.saturating_add(1);
                self.tell(peer, Message::GetInternals);
            }
        }
        asked
    }

    pub(super) fn described(&mut self, now: Time, peer: Peer, text: &str) {
        let Some(daemon) = self.daemons.get_mut(&peer) else {
            return;
        };
        if daemon.unanswered == 0 {
            self.closed(now, peer, Some("it answered a question that nobody asked"));
            return;
        }
        daemon.unanswered -= 1;
        for curious in daemon.curious.drain(..) {
            let _gone = curious.send(text.to_owned());
        }
    }

    /// Every member sees the hosts and how many jobs there are; what others' jobs compile is for the role
    /// `monitor`. An agent's certificate names no roles but its own: its host's count.
    pub(super) fn shown_to(&self, now: Time, member: &Member) -> [String; 3] {
        let hosts = self.daemons.values().filter_map(|it| it.member.as_ref());
        let its_host = hosts.filter(|host| host.member == member.member);
        let sees_all = std::iter::once(member)
            .chain(its_host)
            .any(|peer| peer.needs(Role::Monitor).is_ok());
        let own = Some(native::key(member));
        let names = |task: &Task| {
            let from = self.cluster.host(task.submitter);
            sees_all || from.and_then(|from| from.member) == own
        };
        [
            report::greeting(&self.cluster, self.started.elapsed()),
            report::hosts(&self.cluster, now, names),
            report::jobs(&self.cluster, names),
        ]
    }

    pub(super) fn command(&mut self, now: Time, command: Command) -> String {
        match command {
            Command::Greeting => report::greeting(&self.cluster, self.started.elapsed()),
            Command::ListHosts => report::hosts(&self.cluster, now, |_| true),
            Command::ListJobs => report::jobs(&self.cluster, |_| true),
            Command::ListBlocks => report::blocks(&self.cluster),
            Command::Remove(names) => {
                let text = report::removing(&self.cluster, &names);
                for name in names {
                    self.event(now, Event::Remove { name });
                }
                text
            }
            Command::Block(names) => {
                let text = report::removing(&self.cluster, &names);
                for name in names {
                    self.event(now, Event::Block { name });
                }
                text
            }
            Command::Unblock(names) => {
                for name in names {
                    self.event(now, Event::Unblock { name });
                }
                String::new()
            }
        }
    }
}
