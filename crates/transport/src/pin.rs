//! Which interface this program's connections go out by, when its owner chose one.
//!
//! An address to come from does not decide where packets go: the routing table does, and another link may have
//! the better route. `SO_BINDTODEVICE` does (an ordinary user may set it since Linux 5.7). It holds for the
//! whole program, so it is said once, at the start.

use std::io;
use std::net::IpAddr;
use std::sync::OnceLock;

static PINNED: OnceLock<String> = OnceLock::new();

/// From now on connections go out by this interface, and broadcasts too. Said again, it changes nothing.
pub fn pin_to(interface: &str) {
    PINNED.get_or_init(|| interface.to_owned());
}

pub(crate) fn pinned() -> Option<&'static str> {
    PINNED.get().map(String::as_str)
}

/// The interface for a connection to this address. What is on this host is reached by the loopback.
pub(crate) fn device_for(to: IpAddr) -> io::Result<Option<&'static str>> {
    let Some(interface) = pinned() else {
        return Ok(None);
    };
    let to = to.to_canonical();
    let own = if_addrs::get_if_addrs()?;
    let is_here = to.is_loopback() || own.iter().any(|one| one.ip() == to);
    Ok((!is_here).then_some(interface))
}
