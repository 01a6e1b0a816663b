//! Which interface this program's connections go out by, when its owner chose one.
//!
//! An address to come from does not decide where packets go: the routing table does, and another link may have
//! the better route. `SO_BINDTODEVICE` does (an ordinary user may set it since Linux 5.7). It holds for the
//! whole program. A service says it once, at the start; an agent does as the daemon of its host does, which may
//! start anew with another option.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

static PINNED: RwLock<Option<Arc<str>>> = RwLock::new(None);

/// From now on connections go out by this interface, and broadcasts too; by any if it is none. True: this is news.
pub fn pin_to(interface: Option<&str>) -> bool {
    let mut pinned = PINNED.write().unwrap_or_else(PoisonError::into_inner);
    let is_news = pinned.as_deref() != interface;
    if is_news {
        *pinned = interface.map(Arc::from);
    }
    is_news
}

/// The interface, if one was chosen.
pub fn pinned() -> Option<Arc<str>> {
    PINNED
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// The interface for a connection to this address. What is on this host is reached by the loopback.
pub(crate) fn device_for(to: IpAddr) -> io::Result<Option<Arc<str>>> {
    let Some(interface) = pinned() else {
        return Ok(None);
    };
    let to = to.to_canonical();
    let own = if_addrs::get_if_addrs()?;
    let is_here = to.is_loopback() || own.iter().any(|one| one.ip() == to);
    Ok((!is_here).then_some(interface))
}
