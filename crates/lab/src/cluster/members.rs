//! Clusters whose floe hosts are members of one: an authority beside the scheduler, and an invitation for
//! each daemon's host.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Cluster, ClusterBuilder, SCHEDULER};
use crate::host::{Host, HostSpec};
use crate::launch::Launch;
use crate::programs::{Programs, Suite};

const SOON: Duration = Duration::from_secs(60);
const PORT: u16 = 8767;
/// In a user namespace, whose only user the rest is then: no other may be made below it.
const NO_MORE_NAMESPACES: &str = r#"echo 0 >/proc/sys/user/max_user_namespaces && exec "$@""#;

/// Whom floe's schedulers and daemons serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Openness {
    /// Everybody, as icecream's: they run under icecream's names.
    All,
    Members,
    /// Members, and everybody by icecream's protocol.
    Mixed,
}

impl ClusterBuilder {
    /// Makes floe's hosts members of a cluster, who serve nobody else.
    pub fn members(mut self) -> Self {
        self.openness = Openness::Members;
        self
    }

    /// Makes floe's hosts members of a cluster, who serve icecream's hosts as well.
    pub fn members_and_icecream(mut self) -> Self {
        self.openness = Openness::Mixed;
        self
    }

    /// A host on which nothing is started, for [`Cluster::floe`].
    pub fn bare(mut self, name: &str) -> Self {
        self.bare.push(HostSpec::new(name));
        self
    }

    /// `floe scheduler` or `floe daemon` of a member, or the same under icecream's name.
    pub(super) fn service(&self, host: &Host, suite: Suite, name: &str) -> Result<Launch> {
        let programs = self.programs(suite)?;
        if suite != Suite::Floe || self.openness == Openness::All {
            let program = match name {
                SCHEDULER => &programs.scheduler,
                _ => &programs.daemon,
            };
            if !self.without_namespaces.contains(host.name()) {
                return Ok(host.command(program));
            }
            let enter = ["--user", "--map-root-user", "sh", "-c", NO_MORE_NAMESPACES];
            return Ok(host.command("unshare").args(enter).arg("sh").arg(program));
        }
        let launch = floe(host, &programs)?.arg(name);
        Ok(match self.openness {
            Openness::Mixed => launch.arg("--icecream"),
            Openness::Members | Openness::All => launch,
        })
    }
}

impl Cluster {
    /// Makes the cluster and serves its authority, if the hosts are to be members.
    pub(super) fn found(&mut self) -> Result<()> {
        if self.builder.openness == Openness::All {
            return Ok(());
        }
        let programs = self.builder.programs(Suite::Floe)?;
        let host = self.host(SCHEDULER)?;
        let address = format!("{}:{PORT}", host.address());
        let create = [
            "cluster",
            "create",
            "--name",
            SCHEDULER,
            "--advertise",
            &address,
        ];
        floe(host, &programs)?.args(create).run(SOON)?.ok()?;
        let serve = floe(host, &programs)?.args(["cluster", "serve"]);
        self._authority = Some(serve.log("authority").start()?);
        Ok(())
    }

    /// Makes a floe daemon's host a member, unless it is one.
    pub(super) fn admit(&self, name: &str, suite: Suite) -> Result<()> {
        let host = self.host(name)?;
        let is_member = state(host).join("member/identity").exists();
        if self.builder.openness == Openness::All || suite != Suite::Floe || is_member {
            return Ok(());
        }
        let programs = self.builder.programs(suite)?;
        let invite = floe(self.host(SCHEDULER)?, &programs)?.args(["cluster", "invite"]);
        let line = invite.run(SOON)?.ok()?;
        let join = ["join", line.trim(), "--name", name];
        floe(host, &programs)?.args(join).run(SOON)?.ok()?;
        if let Some(&(uid, gid)) = self.builder.users.get(name) {
            give(&state(host), uid, gid)?;
        }
        Ok(())
    }

    /// `floe` on any host, as the member that the host is or may become.
    pub fn floe(&self, host: &str) -> Result<Launch> {
        floe(self.host(host)?, &self.builder.programs(Suite::Floe)?)
    }

    /// `floe cluster …` on the authority's host.
    pub fn authority(&self, arguments: &[&str]) -> Result<String> {
        let programs = self.builder.programs(Suite::Floe)?;
        let host = self.host(SCHEDULER)?;
        let launch = floe(host, &programs)?.arg("cluster").args(arguments);
        launch.run(SOON)?.ok()
    }
}

/// `floe` on a host, with its state in the host's home.
fn floe(host: &Host, programs: &Programs) -> Result<Launch> {
    let program = programs.floe.as_ref().context("floe is not Debian's")?;
    Ok(host.command(program).env("FLOE_STATE_DIR", state(host)))
}

fn state(host: &Host) -> PathBuf {
    host.home().join("state")
}

fn give(path: &Path, uid: u32, gid: u32) -> Result<()> {
    std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}
