//! This host's network interfaces: where to broadcast, and which address an interface has.

use std::io;
use std::net::Ipv4Addr;

use if_addrs::{IfAddr, Interface};

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
    #[error("there is no network interface {name:?} with an IPv4 address; there are: {known}")]
    Unknown { name: String, known: String },
}

/// The IPv4 broadcast address of every interface that is up, can broadcast and is not
/// point-to-point.
pub fn broadcast_addresses(reach: Reach) -> Result<Vec<Ipv4Addr>, InterfaceError> {
    if reach == Reach::Loopback {
        return Ok(vec![Ipv4Addr::LOCALHOST]);
    }
    let mut addresses: Vec<_> = if_addrs::get_if_addrs()?
        .iter()
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

/// The first IPv4 address of an interface; `lo` is 127.0.0.1 as for icecream's `-i`.
pub fn interface_address(name: &str) -> Result<Ipv4Addr, InterfaceError> {
    if name == "lo" {
        return Ok(Ipv4Addr::LOCALHOST);
    }
    let interfaces = if_addrs::get_if_addrs()?;
    let v4 = |interface: &Interface| match &interface.addr {
        IfAddr::V4(v4) => Some((interface.name.clone(), v4.ip)),
        IfAddr::V6(_) => None,
    };
    let addresses: Vec<_> = interfaces.iter().filter_map(v4).collect();
    match addresses.iter().find(|(known, _)| known == name) {
        Some((_, address)) => Ok(*address),
        None => {
            let known: Vec<_> = addresses.iter().map(|(known, _)| known.as_str()).collect();
            Err(InterfaceError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            })
        }
    }
}
