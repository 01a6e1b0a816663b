//! What happens to hosts, clients and jobs, one event after the other.

use super::*;

impl World {
    pub(super) fn join(&mut self, node: usize) {
        if self.nodes[node].host.is_some() {
            return;
        }
        self.last_host += 1;
        let host = HostId(self.last_host);
        self.node_of.insert(host, node);
        let own = &mut self.nodes[node];
        own.host = Some(host);
        let login = Login {
            name: NodeName::display(&format!("node{node}")),
            address: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + node as u32)),
            port: 10245,
            slots: own.slots,
            platform: platform(),
            chroot_possible: true,
            no_remote: own.slots == 0,
            features: 3,
            version: 43,
            toolchains: own.toolchains.iter().cloned().map(toolchain).collect(),
            member: None,
        };
        let open = own.open;
        self.tell(Event::Login { host, login });
        self.tell(Event::Probed {
            host,
            reachable: true,
        });
        let load = 50 + (self.chance() * 400.0) as u32; // memory in use and the like
        self.tell(Event::Load {
            host,
            load: Load {
                load,
                ..Load::default()
            },
        });
        for client in 1..=open {
            let wait = self.chance();
            self.later(wait, Coming::Asks { node, client });
        }
    }

    pub(super) fn leave(&mut self, node: usize) {
        let own = &mut self.nodes[node];
        let Some(host) = own.host.take() else { return };
        own.running.clear();
        own.waiting.clear();
        self.node_of.remove(&host);
        self.works.retain(|_, work| work.node != node);
        self.asked.retain(|(from, _), _| *from != node);
        self.busy.retain(|(from, _)| *from != node);
        self.tell(Event::Lost { host });
        // Clients notice that their executor is gone, and compile at home.
        let mut orphans: Vec<_> = self
            .works
            .iter()
            .filter(|(_, work)| work.host == Some(host))
            .map(|(job, _)| *job)
            .collect();
        orphans.sort_unstable();
        for job in orphans {
            self.client_done(job);
        }
        self.later(5.0, Coming::Joins { node });
    }

    pub(super) fn ask(&mut self, node: usize, client: u32) {
        let Some(host) = self.nodes[node]
            .host
            .filter(|_| client <= self.nodes[node].open)
        else {
            return;
        };
        if !self.busy.insert((node, client)) {
            return; // it asked again after its host had been away
        }
        if let Some(left) = &mut self.left {
            if *left == 0 {
                return;
            }
            *left -= 1;
        }
        let size = self.size();
        self.asked.insert((node, client), size);
        let name = if self.shape.troubles && self.chance() < 0.3 {
            "clang"
        } else {
            "gcc"
        };
        let name = EnvironmentName::parse(name).unwrap();
        let offer = Offer {
            runs_on: platform(),
            name,
        };
        let wants = Wants::new(&platform(), [offer], String::new(), 21, 0);
        let request = Request {
            client: ClientId(client),
            wants,
            file: Arc::from(&b"x.cpp"[..]),
            language: 1,
            count: 1,
            arg_flags: 8,
            niceness: 0,
            client_count: self.nodes[node].open,
        };
        self.tell(Event::Requested { host, request });
    }

    pub(super) fn installed(&mut self, host: HostId, job: JobId) {
        let Some(&node) = self.node_of.get(&host) else {
            return;
        };
        let name = if job.0.is_multiple_of(3) {
            "clang"
        } else {
            "gcc"
        };
        // Which one was sent is the client's affair: both are there in the end.
        self.nodes[node]
            .toolchains
            .insert(EnvironmentName::parse(name).unwrap());
        for name in ["gcc", "clang"] {
            self.nodes[node]
                .toolchains
                .insert(EnvironmentName::parse(name).unwrap());
        }
        let toolchains = self.nodes[node]
            .toolchains
            .iter()
            .cloned()
            .map(toolchain)
            .collect();
        self.tell(Event::Toolchains { host, toolchains });
        if self.works.contains_key(&job) {
            self.later(0.01, Coming::Arrives { host, job });
        }
    }

    pub(super) fn arrive(&mut self, host: HostId, job: JobId) {
        let Some(&node) = self.node_of.get(&host) else {
            return;
        };
        if self.works.contains_key(&job) {
            self.nodes[node].waiting.push_back(job);
            self.start(node);
        }
    }

    /// Starts what there are slots for.
    pub(super) fn start(&mut self, node: usize) {
        let Some(host) = self.nodes[node].host else {
            return;
        };
        while self.nodes[node].running.len() < self.nodes[node].slots as usize {
            let Some(job) = self.nodes[node].waiting.pop_front() else {
                return;
            };
            let Some(work) = self.works.get(&job) else {
                continue;
            };
            let seconds = work.seconds / self.nodes[node].speed;
            self.nodes[node].running.insert(job);
            self.later(seconds, Coming::Ends { host, job });
            let begin = Begin {
                job,
                start_time: 1,
                client_count: 1,
            };
            self.tell(Event::Began { host, begin });
        }
    }

    pub(super) fn end(&mut self, host: HostId, job: JobId) {
        let Some(&node) = self.node_of.get(&host) else {
            return;
        };
        self.nodes[node].running.remove(&job);
        if let Some(work) = self.works.get(&job) {
            let user = work.seconds / self.nodes[node].speed;
            self.nodes[node].work += work.seconds;
            self.nodes[node].jobs += 1;
            // Files differ in how much output a second of work makes.
            let output = work.seconds * 100_000.0 * (0.3 + 1.4 * self.chance());
            let figures = Figures {
                user_msec: (user * 1000.0) as u32,
                out_uncompressed: output as u32,
                ..Figures::default()
            };
            self.report(host, job.0, figures, false, false);
            self.client_done(job);
        } else {
            self.report(host, job.0, Figures::default(), false, false); // its client is gone
        }
        self.start(node);
    }

    /// The client has what it wanted, or compiles at home, and starts the next job.
    pub(super) fn client_done(&mut self, job: JobId) {
        if let Some(work) = self.works.remove(&job) {
            self.busy.remove(&(work.node, work.client));
            self.later(
                0.02,
                Coming::Asks {
                    node: work.node,
                    client: work.client,
                },
            );
        }
    }

    pub(super) fn give_up(&mut self, job: JobId) {
        let Some(work) = self.works.remove(&job) else {
            return;
        };
        let Some(host) = self.nodes[work.node].host else {
            return;
        };
        self.busy.remove(&(work.node, work.client));
        self.report(
            host,
            job.0,
            Figures {
                exit_code: 118,
                ..Figures::default()
            },
            false,
            true,
        );
        self.later(
            0.1,
            Coming::Asks {
                node: work.node,
                client: work.client,
            },
        );
    }

    pub(super) fn report(
        &mut self,
        host: HostId,
        number: u32,
        figures: Figures,
        by_client: bool,
        from_submitter: bool,
    ) {
        let report = Report {
            number,
            by_client,
            from_submitter,
            figures,
            client_count: 0,
        };
        self.tell(Event::Ended { host, report });
    }

    /// One of the things that happen in real clusters.
    pub(super) fn trouble(&mut self) {
        if !self.shape.troubles {
            return;
        }
        self.later(0.3, Coming::Trouble);
        let node = self.chance.below(self.nodes.len());
        let Some(host) = self.nodes[node].host else {
            return;
        };
        match self.chance.below(7) {
            0 if self.chance() < 0.3 => self.leave(node),
            1 => {
                let refuses = self.chance() < 0.3;
                let load = match refuses {
                    true => 1000,
                    false => self.chance.below(1000) as u32,
                };
                self.tell(Event::Load {
                    host,
                    load: Load {
                        load,
                        ..Load::default()
                    },
                });
            }
            2 => {
                let client = 10_000 + self.chance.below(5) as u32;
                let full = self.chance() < 0.2;
                let local = LocalBegin {
                    client: ClientId(client),
                    file: Arc::from(&b"a.out"[..]),
                    start_time: 1,
                    full,
                };
                self.tell(Event::LocalBegan { host, local });
                let seconds = 3.0 * self.chance();
                self.later(seconds, Coming::LocalEnds { host, client });
            }
            3 => {
                // A client goes away before it knows its job's number, if it has one at all.
                let client = 1 + self.chance.below(self.nodes[node].open.max(1) as usize) as u32;
                if self.asked.remove(&(node, client)).is_some() {
                    self.busy.remove(&(node, client));
                    self.report(host, client, Figures::default(), true, true);
                    self.later(0.2, Coming::Asks { node, client });
                }
            }
            4 => {
                let mut jobs: Vec<_> = self.works.keys().copied().collect();
                jobs.sort_unstable();
                if !jobs.is_empty() {
                    let job = jobs[self.chance.below(jobs.len())];
                    self.give_up(job);
                }
            }
            5 => {
                let reachable = self.chance() < 0.7;
                self.tell(Event::Probed { host, reachable });
            }
            _ => {
                let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + self.chance.below(5) as u32));
                let name = EnvironmentName::parse("clang").unwrap();
                self.tell(Event::Distrusted {
                    host,
                    address,
                    toolchain: toolchain(name),
                });
            }
        }
    }
}
