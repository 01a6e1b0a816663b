//! Names that people and peers give. They stand in certificates, logs and lines on a terminal.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Why a name is refused. The text is bounded and printable whatever was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {shown:?} is not usable: {why}")]
pub struct InvalidName {
    what: &'static str,
    shown: String,
    why: &'static str,
}

impl InvalidName {
    fn new(what: &'static str, given: &str, why: &'static str) -> Self {
        let shown = given.chars().take(60).collect();
        Self { what, shown, why }
    }
}

/// The longest name: X.509 allows 64 characters for a common name.
const MAX: usize = 64;

fn checked(what: &'static str, given: &str) -> Result<String, InvalidName> {
    let refuse = |why| Err(InvalidName::new(what, given, why));
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if given.is_empty() {
        return refuse("it is empty");
    }
    if given.len() > MAX {
        return refuse("it is longer than 64 characters");
    }
    if !given.bytes().all(usable) {
        return refuse("only letters, digits, dots, underscores and hyphens of ASCII are allowed");
    }
    // A name that looks like an option or a hidden file is a trap for scripts.
    if given.starts_with(['-', '.']) {
        return refuse("it starts with a hyphen or a dot");
    }
    Ok(given.to_owned())
}

/// In files it stands as people read it.
macro_rules! stored_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use stored_as_text;

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        stored_as_text!($name);
    };
}

/// A cluster's name: for people, it decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName(String);

impl FromStr for ClusterName {
    type Err = InvalidName;

    fn from_str(given: &str) -> Result<Self, InvalidName> {
        checked("cluster name", given).map(Self)
    }
}

text!(ClusterName);

/// A member's host name: for people, it decides nothing and need not be unique.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// Keeps what is usable of this host's own name, which nobody should have to change for us.
    pub fn lossy(given: &str) -> Self {
        let usable = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let kept: String = given.chars().filter(usable).take(MAX).collect();
        match kept.trim_start_matches(['-', '.']) {
            "" => Self("host".to_owned()),
            name => Self(name.to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = InvalidName;

    fn from_str(given: &str) -> Result<Self, InvalidName> {
        checked("host name", given).map(Self)
    }
}

text!(HostName);

/// Where something listens: a host name or an address, and a port. IPv6 addresses stand in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// What the one byte before it in an invitation can say.
    pub const MAX: usize = 255;

    /// Without the brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Another service of the same host.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        let host = self.host.clone();
        Self { host, port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(out, "[{host}]:{port}")
        } else {
            write!(out, "{host}:{port}")
        }
    }
}

impl FromStr for Address {
    type Err = InvalidName;

    fn from_str(given: &str) -> Result<Self, InvalidName> {
        let refuse = |why| InvalidName::new("address", given, why);
        let form = || refuse("an address is HOST:PORT or [IPV6]:PORT");
        if given.len() > Self::MAX {
            return Err(refuse("it is too long"));
        }
        let (host, port) = given.rsplit_once(':').ok_or_else(form)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port: u16 = port.parse().map_err(|_| form())?;
        if port == 0 || !digits {
            return Err(refuse("a port is a number from 1 to 65535"));
        }
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        if let Some(host) = bracketed {
            // Written anew, so that one address has one spelling.
            let ip: std::net::Ipv6Addr = host.parse().map_err(|_| form())?;
            let host = ip.to_string();
            return Ok(Self { host, port });
        }
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_name = !host.is_empty() && host.len() <= 253 && host.bytes().all(usable);
        if !is_name || host.starts_with(['-', '.']) {
            return Err(form());
        }
        let host = host.to_owned();
        Ok(Self { host, port })
    }
}

impl From<(IpAddr, u16)> for Address {
    fn from((ip, port): (IpAddr, u16)) -> Self {
        let host = ip.to_string();
        Self { host, port }
    }
}

stored_as_text!(Address);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_or_an_option_is_no_name() {
        for bad in [
            "",
            "a b",
            "a\nb",
            "-a",
            ".a",
            "a/b",
            "ü",
            "a\"",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?}");
            assert!(
                HostName::lossy(bad).0.parse::<HostName>().is_ok(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn addresses_have_one_spelling() {
        for (given, expected) in [
            ("build:10245", "build:10245"),
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("[::1]:65535", "[::1]:65535"),
            ("[0:0:0::1]:5", "[::1]:5"),
        ] {
            let address: Address = given.parse().unwrap();
            assert_eq!(address.to_string(), expected);
        }
        for bad in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:+5",
            "::1:5",
            "[::1]",
            "[build]:5",
            "-x:5",
            "a b:5",
            ":5",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }
}
