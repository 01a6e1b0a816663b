//! The text that answers "how are you": icecream's lines, and more that name the scheduler and say
//! whether compiles of other hosts are taken.

use std::fmt::Write as _;
use std::sync::Arc;

use icecream::Environment;
use job::ClientId;

use crate::lending::Closed;
use crate::load::Reading;
use crate::openness::Openness;

/// What the text is made of.
#[derive(Debug)]
pub struct Status<'a> {
    pub node_name: &'a str,
    /// This host's address as the scheduler sees it.
    pub address: Option<String>,
    /// `HOST:PORT`, or why there is none.
    pub scheduler: Result<String, String>,
    /// The version spoken with it.
    pub scheduler_version: Option<u32>,
    /// Client, icecream's word for its state, and its address.
    pub clients: Vec<(ClientId, &'static str, String)>,
    /// On the disk.
    pub cache_bytes: u64,
    pub cache_limit: u64,
    pub platform: &'a str,
    /// (key, path, bytes)
    pub native: Vec<(String, String, u64)>,
    pub received: Vec<Environment>,
    /// Toolchains that come now: which, how far, from whom.
    pub arriving: Vec<String>,
    pub used: u32,
    pub slots: u32,
    pub features: u32,
    pub reading: Reading,
    /// Of other hosts' compiles: how they are taken, or why not.
    pub lending: Result<&'static str, Closed>,
    /// Who may ask for compiles at all.
    pub open_to: Openness,
    /// Why this host is a member of its cluster no more.
    pub fallen: Option<String>,
    /// What connections go out by, if not as the routing table says.
    pub interface: Option<Arc<str>>,
}

/// The names of feature bits: what a daemon can unpack beyond gzip and bzip2.
pub fn features(bits: u32) -> String {
    let names = [(1, "env_xz"), (2, "env_zstd")];
    let known: Vec<_> = names
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| *name)
        .collect();
    if known.is_empty() {
        "--".to_owned()
    } else {
        known.join(" ")
    }
}

impl Status<'_> {
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _infallible = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "Node Name: {}", self.node_name)?;
        if let Some(address) = &self.address {
            writeln!(out, "  Remote name: {address}")?;
        }
        match &self.scheduler {
            Ok(scheduler) => writeln!(out, "  Scheduler: {scheduler}")?,
            Err(cause) => writeln!(out, "  Scheduler: none ({cause})")?,
        }
        for (id, state, address) in &self.clients {
            writeln!(out, "  client {id}: {state} {address} ClientID: {id}")?;
        }
        if self.cache_bytes > 0 {
            writeln!(
                out,
                "  Cache Size: {} (max: {})",
                self.cache_bytes, self.cache_limit
            )?;
        }
        writeln!(out, "  Architecture: {}", self.platform)?;
        for (key, path, size) in &self.native {
            writeln!(out, "  NativeEnv ({key}): {path}, size {size}")?;
        }
        for environment in &self.received {
            writeln!(
                out,
                "  ReceivedEnv[{}/{}]",
                environment.platform, environment.name
            )?;
        }
        for line in &self.arriving {
            writeln!(out, "  Arriving: {line}")?;
        }
        writeln!(out, "  Current kids: {} (max: {})", self.used, self.slots)?;
        writeln!(out, "  Supported features: {}", features(self.features))?;
        if let Some(version) = self.scheduler_version {
            writeln!(out, "  Scheduler protocol: {version}")?;
        }
        let load = &self.reading;
        writeln!(out, "  cpu: {} idle, {} nice", load.idle, load.nice)?;
        let average = f64::from(load.averages[0]) / 1000.0;
        writeln!(out, "  load: {average:.3}, icecream_load: {}", load.value)?;
        writeln!(
            out,
            "  memory: {} (free: {})",
            load.memory, load.free_memory
        )?;
        writeln!(out, "  Open to: {}", self.open_to.sentence())?;
        if let Some(fallen) = &self.fallen {
            writeln!(out, "  Membership: none ({fallen})")?;
        }
        if let Some(interface) = &self.interface {
            writeln!(out, "  Interface: {interface}")?;
        }
        match &self.lending {
            Ok(manner) => writeln!(out, "  Foreign jobs: {manner}"),
            Err(Closed { why, until }) => {
                writeln!(out, "  Foreign jobs: none ({why})")?;
                writeln!(out, "  Foreign jobs again: {until}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icecreams_lines_and_the_schedulers() {
        let status = Status {
            node_name: "nodeB",
            address: Some("127.0.0.5".into()),
            scheduler: Ok("127.0.0.1:8765".into()),
            scheduler_version: Some(43),
            clients: vec![(ClientId(1), "waitforchild", "127.0.0.5".into())],
            cache_bytes: 81_735_070,
            cache_limit: 1 << 30,
            platform: "x86_64",
            native: vec![(":/usr/bin/gcc".into(), "/x/native/1.tar.gz".into(), 5)],
            received: vec![Environment {
                platform: "x86_64".into(),
                name: "full-env".into(),
            }],
            arriving: vec!["0123: 5 of 9 KiB from 77".into()],
            used: 2,
            slots: 2,
            features: 3,
            reading: Reading {
                idle: 1000,
                memory: 84,
                free_memory: 22082,
                ..Reading::default()
            },
            lending: Ok("taken"),
            open_to: Openness::Members,
            fallen: None,
            interface: None,
        };
        let expected = "\
Node Name: nodeB
  Remote name: 127.0.0.5
  Scheduler: 127.0.0.1:8765
  client 1: waitforchild 127.0.0.5 ClientID: 1
  Cache Size: 81735070 (max: 1073741824)
  Architecture: x86_64
  NativeEnv (:/usr/bin/gcc): /x/native/1.tar.gz, size 5
  ReceivedEnv[x86_64/full-env]
  Arriving: 0123: 5 of 9 KiB from 77
  Current kids: 2 (max: 2)
  Supported features: env_xz env_zstd
  Scheduler protocol: 43
  cpu: 1000 idle, 0 nice
  load: 0.000, icecream_load: 0
  memory: 84 (free: 22082)
  Open to: members of its cluster
  Foreign jobs: taken
";
        assert_eq!(status.text(), expected);
        let alone = Status {
            scheduler: Err("no answer to the broadcast".into()),
            fallen: Some("this host was revoked".into()),
            lending: Err(Closed {
                why: "it is late".into(),
                until: "at 7:00".into(),
            }),
            ..status
        };
        let closed = "  Foreign jobs: none (it is late)\n  Foreign jobs again: at 7:00\n";
        assert!(alone.text().ends_with(closed));
        let alone = Status {
            interface: Some("eth1".into()),
            ..alone
        };
        assert!(alone.text().contains("  Interface: eth1\n"));
        let over = "  Membership: none (this host was revoked)\n";
        assert!(alone.text().contains(over));
        assert!(
            alone
                .text()
                .contains("  Scheduler: none (no answer to the broadcast)\n")
        );
    }
}
