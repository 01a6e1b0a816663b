//! Whose session it is: in a cluster of members the control port answers on its own host only, and there not everybody
//! may send hosts away.

use std::net::{IpAddr, SocketAddr};

/// The sockets of this network namespace, and who made them (proc_pid_net(5)).
const SOCKETS: &str = "/proc/net/tcp";

/// Who may do what changes the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// As with icecream.
    Everybody,
    /// Root, and the account that the scheduler runs as.
    ItsOwner,
}

impl Whose {
    /// Whether a session from `theirs`, at this end's `ours`, may.
    pub(super) fn may(self, theirs: SocketAddr, ours: SocketAddr) -> bool {
        if self == Self::Everybody {
            return true;
        }
        let sockets = std::fs::read_to_string(SOCKETS).unwrap_or_default();
        let account = account(&sockets, theirs, ours);
        account
            .is_some_and(|account| account == 0 || account == rustix::process::geteuid().as_raw())
    }
}

/// The account whose socket has this end and that other one.
fn account(sockets: &str, end: SocketAddr, other: SocketAddr) -> Option<u32> {
    let (end, other) = (shown(end)?, shown(other)?);
    sockets.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = fields.next()? == end && fields.next()? == other;
        // State, queues, timers and failures are before it.
        is_it.then(|| fields.nth(4)?.parse().ok())?
    })
}

/// As the kernel shows it: the bytes of the address as one number of this host, in hexadecimal.
fn shown(address: SocketAddr) -> Option<String> {
    let IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    let number = u32::from_ne_bytes(ip.octets());
    Some(format!("{number:08X}:{:04X}", address.port()))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_session_on_this_host_has_an_account() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ours = listener.local_addr().unwrap();
        let near = TcpStream::connect(ours).unwrap();
        let theirs = near.local_addr().unwrap();
        assert!(Whose::ItsOwner.may(theirs, ours));
        let sockets = std::fs::read_to_string(SOCKETS).unwrap();
        let me = rustix::process::geteuid().as_raw();
        assert_eq!(account(&sockets, theirs, ours), Some(me));
        let another = sockets.replace(&format!(" {me} "), " 65534 ");
        assert_eq!(account(&another, theirs, ours), Some(65534));
        // A listener is nobody's session, and a session that is over has no account.
        drop((near, listener));
        let nobody = SocketAddr::new(theirs.ip(), 1);
        assert!(!Whose::ItsOwner.may(nobody, ours));
        assert!(Whose::Everybody.may(nobody, ours));
    }
}
