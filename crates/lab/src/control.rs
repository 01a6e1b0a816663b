//! The scheduler's text control port: icecream's telnet commands.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use icecream::{Version, discovery};

use crate::Host;

/// The original's main loop looks at new connections only now and then: up to 36 s.
const GREETING: Duration = Duration::from_secs(45);
/// Between two queries that wake a scheduler which sleeps.
const NUDGE: Duration = Duration::from_millis(300);

/// A session, opened again when the scheduler has closed it: the original ends idle ones.
pub struct Control {
    stream: BufReader<TcpStream>,
    host: Host,
    scheduler: SocketAddrV4,
}

/// One line of `listcs`.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedHost {
    pub name: String,
    pub address: String,
    pub platform: String,
    pub speed: f64,
    pub jobs: u32,
    pub slots: u32,
    pub load: u32,
}

impl Control {
    /// Opens a session from `host`, trying again until the scheduler listens or `limit` is over.
    pub fn open(host: &Host, address: Ipv4Addr, port: u16, limit: Duration) -> Result<Self> {
        let end = Instant::now() + limit;
        let stream = loop {
            match host.connect(address, port) {
                Ok(stream) => break stream,
                Err(e) if Instant::now() > end => {
                    return Err(e.context("the scheduler's control port does not answer"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        let scheduler = SocketAddrV4::new(address, port - 1);
        wait_greeting(host, &stream, scheduler)?;
        stream.set_read_timeout(Some(GREETING))?;
        let mut session = Self {
            stream: BufReader::new(stream),
            host: host.clone(),
            scheduler,
        };
        loop {
            if session.line()?.starts_with("200 ") {
                return Ok(session);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self
            .stream
            .read_line(&mut line)
            .context("reading the control port")?
            == 0
        {
            bail!("the scheduler closed the control session");
        }
        Ok(line.trim_end().to_owned())
    }

    /// Sends a command and collects the lines of its answer.
    pub fn command(&mut self, command: &str) -> Result<Vec<String>> {
        if let Ok(lines) = self.ask(command) {
            return Ok(lines);
        }
        let (address, port) = (*self.scheduler.ip(), self.scheduler.port() + 1);
        *self = Self::open(&self.host.clone(), address, port, GREETING)?;
        self.ask(command)
    }

    fn ask(&mut self, command: &str) -> Result<Vec<String>> {
        self.stream
            .get_mut()
            .write_all(format!("{command}\n").as_bytes())?;
        let mut lines = Vec::new();
        loop {
            match self.line()? {
                line if line.starts_with("200 done") => return Ok(lines),
                line => lines.push(line),
            }
        }
    }

    /// The hosts that are logged in.
    pub fn hosts(&mut self) -> Result<Vec<ListedHost>> {
        Ok(self
            .command("listcs")?
            .iter()
            .filter_map(|line| ListedHost::parse(line))
            .collect())
    }

    /// Waits until `condition` holds for the hosts.
    pub fn wait_hosts(
        &mut self,
        limit: Duration,
        what: &str,
        condition: impl Fn(&[ListedHost]) -> bool,
    ) -> Result<Vec<ListedHost>> {
        let end = Instant::now() + limit;
        loop {
            let hosts = self.hosts()?;
            if condition(&hosts) {
                return Ok(hosts);
            }
            if Instant::now() > end {
                bail!("after {limit:?} still not: {what}; the scheduler lists {hosts:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Waits for the first byte; a discovery query wakes a scheduler that sleeps.
fn wait_greeting(host: &Host, stream: &TcpStream, scheduler: SocketAddrV4) -> Result<()> {
    let nudge = host.datagrams(0)?;
    stream.set_read_timeout(Some(NUDGE))?;
    let end = Instant::now() + GREETING;
    loop {
        match stream.peek(&mut [0]) {
            Ok(_) => return Ok(()),
            Err(e) if e.kind() != ErrorKind::WouldBlock => return Err(e.into()),
            Err(_) if Instant::now() > end => bail!("the scheduler's control port says nothing"),
            Err(_) => drop(nudge.send_to(&discovery::query(Version::MAX), scheduler)),
        }
    }
}

impl ListedHost {
    /// ` name (ip:port) [platform] speed=1.00 jobs=0/2 load=500`; lines of jobs are indented more.
    fn parse(line: &str) -> Option<Self> {
        let line = line
            .strip_prefix(' ')
            .filter(|rest| !rest.starts_with(' '))?;
        let (name, rest) = line.split_once(" (")?;
        let (address, rest) = rest.split_once(") [")?;
        let (platform, rest) = rest.split_once("] ")?;
        let field = |key: &str| {
            rest.split(' ')
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let (jobs, slots) = field("jobs")?.split_once('/')?;
        Some(Self {
            name: name.to_owned(),
            address: address.to_owned(),
            platform: platform.to_owned(),
            speed: field("speed")?.parse().ok()?,
            jobs: jobs.parse().ok()?,
            slots: slots.parse().ok()?,
            load: field("load")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_listcs_is_read() {
        let line = " nodeB (10.77.0.5:10245) [x86_64] speed=1.25 jobs=1/2 load=500 busy installing since 3 s";
        let host = ListedHost::parse(line).unwrap();
        assert_eq!(
            (host.name.as_str(), host.jobs, host.slots, host.load),
            ("nodeB", 1, 2, 500)
        );
        assert_eq!(host.address, "10.77.0.5:10245");
        assert!(ListedHost::parse("   12 COMP sub:a on:b x.c").is_none());
        assert!(ListedHost::parse("200 done").is_none());
    }
}
