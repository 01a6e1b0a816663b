//! The desk and its scheduler: what is told, what is heard, what happens when it goes away.

use std::time::Duration;

use icecream::{GetCs, Login, Message, Stats, StatusText};

use super::{Desk, unix_seconds};
use crate::core::{Event, Placement, Report};
use crate::link::LinkEvent;
use crate::load::Reading;
use crate::wire;

impl Desk {
    pub(super) fn linked(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Found(line) => {
                let known = line
                    .own
                    .map_or_else(|| "unknown".to_owned(), |own| own.to_string());
                tracing::info!(
                    "Connected to scheduler {} (I am known as {known})",
                    line.scheduler
                );
                if let Some(member) = &line.member {
                    self.signers.learn(member.clone(), line.scheduler);
                }
                self.line = Some(line);
                self.log_in();
                self.announcer.reset();
                self.announce_load();
                self.decide(Event::SchedulerFound, None);
            }
            LinkEvent::Lost { why } => {
                self.cause = why;
                if self.line.take().is_some() {
                    self.decide(Event::SchedulerLost, None);
                }
            }
            LinkEvent::Said(message) => self.scheduler_said(message),
        }
    }

    fn scheduler_said(&mut self, message: Message) {
        match message {
            Message::UseCs(found) => {
                let why = wire::reason(&found);
                let (client, placement) = wire::placement(found);
                let event = if why.is_some() || self.is_here(&placement) {
                    Event::SentHome {
                        client,
                        job: placement.job,
                        why,
                    }
                } else {
                    Event::Placed { client, placement }
                };
                self.decide(event, None);
            }
            Message::NoCs(none) => {
                let (client, job) = wire::sent_home(&none);
                let home = Event::SentHome {
                    client,
                    job,
                    why: None,
                };
                self.decide(home, None);
            }
            Message::CsConf(conf) => {
                let seconds = conf.max_scheduler_pong.clamp(1, 60);
                self.sampling = Duration::from_secs(seconds.into());
            }
            Message::GetInternals => {
                let text = self.status();
                self.report(Message::StatusText(StatusText { text }));
            }
            Message::Ping => {}
            _ => {
                tracing::warn!(
                    "the scheduler sent a message that has no place here; starting over"
                );
                self.give_up_line("it broke the protocol");
            }
        }
    }

    pub(super) fn tell_scheduler(&mut self, report: Report, request: &mut Option<GetCs>) {
        let request = matches!(report, Report::Request { .. })
            .then(|| request.take())
            .flatten();
        if let Some(message) = wire::report(report, request, unix_seconds()) {
            self.report(message);
        }
    }

    /// Never waits: a scheduler that does not read is as good as none.
    pub(super) fn report(&mut self, message: Message) {
        let Some(line) = &self.line else { return };
        if line.outgoing.try_send(message).is_err() {
            tracing::warn!(
                "scheduler {} takes no messages; looking for it anew",
                line.scheduler
            );
            self.give_up_line("it took no messages");
        }
    }

    /// The link's task notices and looks for a scheduler anew.
    fn give_up_line(&mut self, why: &str) {
        self.line = None;
        why.clone_into(&mut self.cause);
        self.decide(Event::SchedulerLost, None);
    }

    fn log_in(&mut self) {
        let login = Login {
            port: self.port().into(),
            max_kids: self.config.slots,
            features: self.config.features | Login::HEARS_REASONS,
            host_platform: self.shop.platform.as_str().to_owned(),
            ..self.renewal()
        };
        self.report(Message::Login(login));
    }

    /// Also ends what the scheduler calls "busy installing".
    pub(super) fn announce_toolchains(&mut self) {
        let renewal = self.renewal();
        self.report(Message::Login(renewal));
    }

    /// A second LOGIN in a session, of which the scheduler reads the toolchains only.
    fn renewal(&self) -> Login {
        Login {
            port: 0,
            max_kids: 0,
            environments: self.shop.toolchains.environments(),
            node_name: self.config.node_name.clone(),
            host_platform: String::new(),
            chroot_possible: self.shop.takes_compiles(),
            no_remote: !self.shop.takes_compiles(),
            features: self.config.features,
        }
    }

    pub(super) fn announce_load(&mut self) {
        let Some(Reading {
            value,
            averages,
            free_memory,
            ..
        }) = self.reading
        else {
            return;
        };
        if self.line.is_some() && self.announcer.worth(value, free_memory) {
            self.report(Message::Stats(Stats {
                load: value,
                load_avg_1: averages[0],
                load_avg_5: averages[1],
                load_avg_10: averages[2],
                free_mem: free_memory,
            }));
        }
    }

    /// Older schedulers name this host instead of saying "nobody".
    fn is_here(&self, placement: &Placement) -> bool {
        let own = self.line.as_ref().and_then(|line| line.own);
        placement.port == u32::from(self.port())
            && own.is_some_and(|own| placement.host == own.to_string())
    }
}
