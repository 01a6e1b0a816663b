//! Asks the agent, the daemon and the scheduler. Each may be absent; each question has a deadline.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use daemon::Openness;
use membership::UnixTime;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;
use transport::HostPort;

use super::control::{self, Host, Job};
use super::member;
use crate::cli::cluster::{self, place::Place};

/// How long one party may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most that a control port's answer is read of.
const MAX_ANSWER: usize = 8 << 20;

/// What `--json` prints. Fields are added, never renamed.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) agent: Option<Agent>,
    pub(crate) daemon: Option<Daemon>,
    pub(crate) scheduler: Option<Scheduler>,
    /// Each names the thing, the cause and the next step.
    pub(crate) problems: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Agent {
    pub(crate) pid: u32,
    pub(crate) jobs_done: u64,
    /// Absent for agents of earlier releases.
    pub(crate) inputs: Option<Inputs>,
    pub(crate) running: Vec<AgentJob>,
}

/// Jobs that other hosts compiled, by what those were sent.
#[derive(Debug, Serialize)]
pub(crate) struct Inputs {
    /// Files, the same as the last time.
    pub(crate) recorded: u64,
    /// Files, the same as the last time, of which some have changed, but no directive in them.
    pub(crate) same_directives: u64,
    /// Files, found by evaluating directives.
    pub(crate) evaluated: u64,
    pub(crate) text: u64,
}

impl Inputs {
    pub(crate) fn sum(&self) -> u64 {
        self.recorded + self.same_directives + self.evaluated + self.text
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct AgentJob {
    pub(crate) source: String,
    pub(crate) executor: String,
    pub(crate) phase: &'static str,
    pub(crate) age_s: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Daemon {
    pub(crate) node_name: String,
    pub(crate) socket: String,
    /// `HOST:PORT`, or why there is none. Absent for daemons that do not say.
    pub(crate) scheduler: Option<String>,
    /// Absent for daemons that do not say.
    pub(crate) foreign_jobs: Option<ForeignJobs>,
    /// Who may ask it for compiles. Absent for daemons that do not say.
    pub(crate) open_to: Option<String>,
    /// Why this host is a member of its cluster no more.
    pub(crate) fallen: Option<String>,
    /// The only one that its connections go out by. Absent if the routing table says.
    pub(crate) interface: Option<String>,
}

impl Daemon {
    /// None if it does not say.
    pub(crate) fn openness(&self) -> Option<Openness> {
        self.open_to.as_deref().and_then(Openness::read)
    }
}

/// Whether a host takes compiles of others now.
#[derive(Debug, Serialize)]
pub(crate) struct ForeignJobs {
    pub(crate) taken: bool,
    /// How they are taken, or why not.
    pub(crate) why: String,
    /// When they will be taken again.
    pub(crate) again: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Scheduler {
    pub(crate) address: String,
    pub(crate) greeting: String,
    /// Why it is this one, in a cluster of members.
    pub(crate) elected: Option<String>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) jobs: Vec<Job>,
}

/// Why this host is no member of its cluster any more: what its daemon says to every user, else what this
/// user may read.
pub(crate) fn fallen(daemon: Option<&Daemon>) -> Option<String> {
    if let Some(said) = daemon.and_then(|daemon| daemon.fallen.clone()) {
        return Some(said);
    }
    let place = Place::of(None).ok()?;
    cluster::fallen(&place, UnixTime::now()).map(|fallen| fallen.to_string())
}

pub(crate) async fn gather(named: Option<&str>) -> Status {
    let mut problems = Vec::new();
    let agent = agent();
    let daemon = match daemon().await {
        Ok(daemon) => daemon,
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    problems.extend(fallen(daemon.as_ref()));
    if let Some(interface) = daemon.as_ref().and_then(|it| it.interface.as_deref()) {
        // Looking is no reason to use another link than jobs do.
        transport::pin_to(Some(interface));
    }
    let address = named
        .map(str::to_owned)
        .or_else(|| scheduler_of(daemon.as_ref()));
    let members = daemon
        .as_ref()
        .filter(|daemon| daemon.openness() == Some(Openness::Members));
    let scheduler = match (members, address) {
        (Some(daemon), _) if named.is_none() => match among_members(daemon).await {
            Ok(scheduler) => Some(scheduler),
            Err(error) => {
                problems.push(format!(
                    "the scheduler of this host's cluster could not be asked: {error:#}"
                ));
                None
            }
        },
        (_, Some(address)) => match timeout(PATIENCE, scheduler(&address)).await {
            Ok(Ok(scheduler)) => Some(scheduler),
            Ok(Err(error)) => {
                problems.push(format!("scheduler {address} does not answer: {error}; is it running, and is its control port open?"));
                None
            }
            Err(_) => {
                problems.push(format!(
                    "scheduler {address} did not answer within {} s",
                    PATIENCE.as_secs()
                ));
                None
            }
        },
        (_, None) => {
            problems.push(no_scheduler(daemon.as_ref()));
            None
        }
    };
    Status {
        agent,
        daemon,
        scheduler,
        problems,
    }
}

fn no_scheduler(daemon: Option<&Daemon>) -> String {
    let known = daemon.and_then(|daemon| daemon.scheduler.as_deref());
    match known {
        Some(why) => format!("scheduler  {why}"),
        None => "scheduler  unknown: name one with -s HOST[:PORT] or ICECC_SCHEDULER".to_owned(),
    }
}

/// The scheduler that the daemon uses, else the one that the environment names.
fn scheduler_of(daemon: Option<&Daemon>) -> Option<String> {
    let said = daemon
        .and_then(|daemon| daemon.scheduler.clone())
        .filter(|said| !said.starts_with("none"));
    said.or_else(|| {
        [job::variable::ICECC_SCHEDULER, job::variable::USE_SCHEDULER]
            .into_iter()
            .find_map(|name| std::env::var(name).ok())
            .filter(|value| !value.is_empty())
    })
}

fn agent() -> Option<Agent> {
    let status = crate::ask_agent::status()?;
    let running = status
        .running
        .iter()
        .map(|job| AgentJob {
            source: String::from_utf8_lossy(&job.source).into_owned(),
            executor: job.executor.clone(),
            phase: job.phase().name(),
            age_s: Duration::from_micros(job.age_us).as_secs_f64(),
        })
        .collect();
    Some(Agent {
        pid: status.pid,
        jobs_done: status.jobs_done,
        inputs: status.inputs.map(|inputs| Inputs {
            recorded: inputs.recorded,
            same_directives: inputs.same_directives,
            evaluated: inputs.evaluated,
            text: inputs.text,
        }),
        running,
    })
}

pub(crate) async fn daemon() -> Result<Option<Daemon>, String> {
    for path in daemon_sockets() {
        let Ok(mut channel) = transport::Channel::connect_unix(&path, PATIENCE).await else {
            continue;
        };
        let answer = async {
            channel.send(&icecream::Message::GetInternals).await?;
            channel.receive().await
        };
        let shown = path.display().to_string();
        return match timeout(PATIENCE, answer).await {
            Ok(Ok(Some(icecream::Message::StatusText(status)))) => {
                Ok(Some(read_internals(&status.text, shown)))
            }
            // icecream's own daemon answers this question only to its scheduler.
            Ok(_) => Ok(Some(Daemon {
                node_name: "icecream's".to_owned(),
                socket: shown,
                scheduler: None,
                foreign_jobs: None,
                open_to: None,
                fallen: None,
                interface: None,
            })),
            Err(_) => Err(format!(
                "daemon at {shown} accepts connections but does not answer; restart it"
            )),
        };
    }
    Ok(None)
}

fn read_internals(text: &str, socket: String) -> Daemon {
    let value = |key: &str| {
        text.lines().find_map(|line| {
            line.trim_start()
                .strip_prefix(key)?
                .strip_prefix(':')
                .map(|rest| rest.trim().to_owned())
        })
    };
    Daemon {
        node_name: value("Node Name").unwrap_or_default(),
        socket,
        scheduler: value("Scheduler"),
        foreign_jobs: value("Foreign jobs").map(|said| ForeignJobs {
            taken: !said.starts_with("none"),
            why: said
                .strip_prefix("none (")
                .and_then(|rest| rest.strip_suffix(')'))
                .unwrap_or(&said)
                .to_owned(),
            again: value("Foreign jobs again"),
        }),
        open_to: value("Open to"),
        interface: value("Interface"),
        fallen: value("Membership")
            .and_then(|said| Some(said.strip_prefix("none (")?.strip_suffix(')')?.to_owned())),
    }
}

async fn scheduler(address: &str) -> std::io::Result<Scheduler> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(daemon::SCHEDULER_PORT)),
        None => (address, daemon::SCHEDULER_PORT),
    };
    let place = HostPort {
        host: host.to_owned(),
        port: port.saturating_add(1),
    };
    let address_of_control = place.resolve().await.map_err(std::io::Error::other)?;
    let connected = transport::connect_tcp_stream(address_of_control, PATIENCE, None).await;
    let stream = connected.map_err(std::io::Error::other)?;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut greeting = String::new();
    while let Some(line) = lines.next_line().await? {
        if let Some(first) = line.strip_prefix("200-") {
            first.clone_into(&mut greeting);
        } else if line.starts_with("200 ") {
            break;
        }
    }
    let mut answers = Vec::new();
    for command in ["listcs", "listjobs"] {
        write.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = String::new();
        while let Some(line) = lines.next_line().await? {
            if line == "200 done" || answer.len() > MAX_ANSWER {
                break;
            }
            answer.push_str(&line);
            answer.push('\n');
        }
        answers.push(answer);
    }
    // Leaving without `quit` is noticed by the close all the same.
    let _gone = write.write_all(b"quit\n").await;
    Ok(Scheduler {
        address: address.to_owned(),
        greeting,
        elected: None,
        hosts: control::hosts(&answers[0]),
        jobs: control::jobs(&answers[1]),
    })
}

/// What a scheduler of members shows.
pub(crate) async fn among_members(daemon: &Daemon) -> anyhow::Result<Scheduler> {
    let looked = timeout(PATIENCE, member::overview(Path::new(&daemon.socket)));
    let seen = looked.await.context("no answer in time")??;
    let [greeting, hosts, jobs] = seen.parts;
    let first = greeting.lines().next().unwrap_or_default();
    let elected = greeting
        .lines()
        .find_map(|line| line.strip_prefix("elected: "));
    Ok(Scheduler {
        address: seen.at,
        elected: elected.map(str::to_owned),
        greeting: first.strip_prefix("200-").unwrap_or(first).to_owned(),
        hosts: control::hosts(&hosts),
        jobs: control::jobs(&jobs),
    })
}

/// Where this host's daemon may listen.
fn daemon_sockets() -> Vec<std::path::PathBuf> {
    if let Some(only) = std::env::var_os(job::variable::TEST_SOCKET) {
        return vec![only.into()];
    }
    let mut places = vec![
        "/var/run/icecc/iceccd.socket".into(),
        "/var/run/iceccd.socket".into(),
    ];
    if let Some(home) = std::env::var_os("HOME") {
        places.push(Path::new(&home).join(".iceccd.socket"));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_reason_is_read_with_its_end() {
        let text = "Node Name: box\n  Scheduler: 10.0.0.1:8765\n  Foreign jobs: none (it is not between 22:00 and 6:00 (--hours))\n  Foreign jobs again: at 22:00\n";
        let daemon = read_internals(text, "socket".to_owned());
        let jobs = daemon.foreign_jobs.unwrap();
        assert!(!jobs.taken);
        assert_eq!(jobs.why, "it is not between 22:00 and 6:00 (--hours)");
        assert_eq!(jobs.again.as_deref(), Some("at 22:00"));
        let daemon = read_internals("Node Name: box\n  Foreign jobs: taken\n", String::new());
        let jobs = daemon.foreign_jobs.unwrap();
        assert!(jobs.taken && jobs.again.is_none());
        let older = read_internals("Node Name: box\n", String::new());
        assert!(older.foreign_jobs.is_none());
    }
}
