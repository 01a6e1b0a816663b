//! Host names: `host[:port]` as `-s` and `ICECC_SCHEDULER` give it, and the address behind a name.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::error::TransportError;

/// A name server that does not answer holds nobody longer than this.
const LOOKUP: Duration = Duration::from_secs(10);

/// A host by name or address, with its port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub host: String,
    pub port: u16,
}

impl HostPort {
    /// Reads `host`, `host:port`, an IPv6 address, or `[address]:port`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, String> {
        let text = text.trim();
        let refuse = |why: &str| {
            Err(format!(
                "{text:?} is not a host: {why}; write HOST or HOST:PORT"
            ))
        };
        let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
            match bracketed.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, rest)) if rest.starts_with(':') => (host, Some(&rest[1..])),
                _ => return refuse("the bracket is not closed"),
            }
        } else if text.parse::<IpAddr>().is_ok() {
            (text, None)
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        if host.is_empty() {
            return refuse("the name is empty");
        }
        let port = match port {
            None => default_port,
            Some(port) => match port.parse() {
                Ok(port) if port != 0 => port,
                _ => return refuse("the port is not a number from 1 to 65535"),
            },
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// The address behind it.
    pub async fn resolve(&self) -> Result<SocketAddr, TransportError> {
        resolve(&self.host, self.port).await
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// The address of a host, IPv4 preferred because icecream knows no other.
pub async fn resolve(host: &str, port: u16) -> Result<SocketAddr, TransportError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let failed = |source| TransportError::Resolve {
        host: host.to_owned(),
        source,
    };
    let lookup = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, port)));
    let found = match lookup.await {
        Ok(found) => found.map_err(failed)?,
        Err(_) => return Err(failed(io::ErrorKind::TimedOut.into())),
    };
    found.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| {
        failed(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_in_all_their_spellings() {
        for (text, host, port) in [
            ("box", "box", 8765),
            ("box:1", "box", 1),
            ("127.0.0.1", "127.0.0.1", 8765),
            ("127.0.0.1:99", "127.0.0.1", 99),
            ("::1", "::1", 8765),
            ("[::1]", "::1", 8765),
            ("[::1]:99", "::1", 99),
            (" box ", "box", 8765),
        ] {
            let expected = HostPort {
                host: host.to_owned(),
                port,
            };
            assert_eq!(HostPort::parse(text, 8765), Ok(expected), "{text}");
        }
        for text in [
            "",
            ":1",
            "box:",
            "box:x",
            "box:0",
            "box:65536",
            "[::1",
            "[::1]x",
        ] {
            assert!(HostPort::parse(text, 8765).is_err(), "{text}");
        }
    }
}
