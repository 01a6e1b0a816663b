//! This host's network interfaces: where to broadcast, and which address an interface has.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use if_addrs::{IfAddr, Interface};

use crate::pin;

/// How far broadcasts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    #[default]
    Network,
    /// Only this host, for tests (`ICECC_TESTS`).
    Loopback,
}

/// Why an interface has no usable address.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    #[error("cannot list the network interfaces: {0}")]
    List(#[from] io::Error),
    #[error("there is no network interface {name:?} with an address; there are: {known}")]
    Unknown { name: String, known: String },
}

/// The IPv4 broadcast address of every interface that is up, can broadcast and is not
/// point-to-point.
pub fn broadcast_addresses(reach: Reach) -> Result<Vec<Ipv4Addr>, InterfaceError> {
    if reach == Reach::Loopback {
        return Ok(vec![Ipv4Addr::LOCALHOST]);
    }
    let pinned = pin::pinned();
    let is_meant = |interface: &&Interface| {
        pinned
            .as_deref()
            .is_none_or(|pinned| interface.name == pinned)
    };
    let mut addresses: Vec<_> = if_addrs::get_if_addrs()?
        .iter()
        .filter(is_meant)
        .filter_map(broadcast_address)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

fn broadcast_address(interface: &Interface) -> Option<Ipv4Addr> {
    let IfAddr::V4(v4) = &interface.addr else {
        return None;
    };
    if v4.ip.is_loopback() || interface.is_p2p() || !interface.is_oper_up() {
        return None;
    }
    v4.broadcast.filter(|address| !address.is_unspecified())
}

/// The first IPv4 address of an interface, or its first IPv6 address beyond its own link; `lo` is 127.0.0.1 as
/// for icecream's `-i`.
pub fn interface_address(name: &str) -> Result<IpAddr, InterfaceError> {
    if name == "lo" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let interfaces = if_addrs::get_if_addrs()?;
    let usable = interfaces.iter().filter(|one| !one.is_link_local());
    let addresses: Vec<_> = usable.map(|one| (one.name.as_str(), one.ip())).collect();
    let mut own: Vec<_> = addresses.iter().filter(|(it, _)| *it == name).collect();
    own.sort_by_key(|(_, ip)| ip.is_ipv6());
    match own.first() {
        Some((_, address)) => Ok(*address),
        None => {
            let mut known: Vec<_> = addresses.iter().map(|(it, _)| *it).collect();
            known.dedup();
            Err(InterfaceError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            })
        }
    }
}
