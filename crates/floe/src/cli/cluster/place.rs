//! Where the files of the authority and of this member are, and where this host is reached.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use job::variable;
use membership::{Address, Authority, HostName};

use super::options::PlaceOptions;

/// Of a host that is a service, and not somebody's desktop.
const OF_ROOT: &str = "/var/lib/floe";
/// Where the authority listens unless told otherwise: icecream's scheduler has the two before it.
pub(super) const PORT: u16 = 8767;
/// As many as an invitation takes.
const MOST_ADDRESSES: usize = 4;

#[derive(Debug)]
pub(in crate::cli) struct Place {
    pub(in crate::cli) authority: PathBuf,
    pub(in crate::cli) member: PathBuf,
    base: PathBuf,
}

impl Place {
    pub(in crate::cli) fn of(directory: Option<&Path>) -> Result<Self> {
        let base = match directory {
            Some(directory) => std::path::absolute(directory)?,
            None => usual().context(
                "there is no place for the cluster's files: neither HOME nor FLOE_STATE_DIR is set; use --directory",
            )?,
        };
        Ok(Self {
            authority: base.join("authority"),
            member: base.join("member"),
            base,
        })
    }

    /// Where both are.
    pub(in crate::cli) fn base(&self) -> &Path {
        &self.base
    }
}

fn usual() -> Option<PathBuf> {
    let is_named = std::env::var_os(variable::FLOE_STATE_DIR).is_some();
    if rustix::process::geteuid().is_root() && !is_named {
        return Some(OF_ROOT.into());
    }
    handover::state_dir()
}

pub(super) fn authority(options: &PlaceOptions) -> Result<Authority> {
    let place = Place::of(options.directory.as_deref())?;
    Ok(Authority::open(&place.authority)?)
}

/// The name that was given, else this host's own.
pub(super) fn host_name(given: Option<&HostName>) -> HostName {
    given.map_or_else(|| HostName::lossy(&node_name()), HostName::clone)
}

/// The addresses that were given, else those of this host.
pub(super) fn advertised(given: &[Address]) -> Vec<Address> {
    match given {
        [] => addresses(),
        given => given.to_vec(),
    }
}

fn node_name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// The name, which may mean nothing to others, and then addresses that do.
fn addresses() -> Vec<Address> {
    let name = format!("{}:{PORT}", node_name()).parse();
    // Where interfaces cannot be listed, the name remains.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut ips: Vec<IpAddr> = interfaces
        .iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(if_addrs::Interface::ip)
        .collect();
    ips.sort_unstable();
    ips.dedup();
    let found = ips.into_iter().map(|ip| Address::from((ip, PORT)));
    name.ok()
        .into_iter()
        .chain(found)
        .take(MOST_ADDRESSES)
        .collect()
}
