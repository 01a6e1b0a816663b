//! Lines about connections that were refused: one for each network and kind in a minute, however many come.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::mem::discriminant;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::TransportError;
use crate::lobby::network;

const MINUTE: Duration = Duration::from_secs(60);
/// Lines in a minute, whoever they are about.
const MOST: usize = 30;

/// What was said lately.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    since: Option<Instant>,
    said: HashSet<(Option<IpAddr>, u64)>,
    unsaid: u64,
}

/// The end of a line that is to be written: how many were not, in the minute before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsaid(u64);

impl fmt::Display for Unsaid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(out, " (before this, {count} more were refused)"),
        }
    }
}

impl Complaints {
    /// Whether a line is to be written about this.
    pub fn about(&self, address: Option<IpAddr>, kind: &impl Hash) -> Option<Unsaid> {
        let now = Instant::now();
        let mut hasher = DefaultHasher::new();
        kind.hash(&mut hasher);
        let key = (address.map(network), hasher.finish());
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |since: Instant| now.duration_since(since) >= MINUTE;
        if said.since.is_none_or(is_old) {
            said.since = Some(now);
            said.said.clear();
        }
        if said.said.len() >= MOST || !said.said.insert(key) {
            said.unsaid += 1;
            return None;
        }
        Some(Unsaid(std::mem::take(&mut said.unsaid)))
    }
}

impl TransportError {
    /// What it has in common with others, whoever they are about.
    pub fn kind(&self) -> impl Hash + use<> {
        let why = match self {
            Self::Distrusted { why, .. } => Some(discriminant(why)),
            _ => None,
        };
        (discriminant(self), why)
    }

    /// Whom it is about.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Protocol { peer, .. }
            | Self::Closed { peer, .. }
            | Self::Probe { peer }
            | Self::HandshakeTimeout { peer, .. }
            | Self::MembersOnly { peer }
            | Self::OtherService { peer }
            | Self::Busy { peer }
            | Self::Crowded { peer }
            | Self::Distrusted { peer, .. }
            | Self::Tls { peer, .. }
            | Self::Connect { peer, .. }
            | Self::ConnectTimeout { peer, .. }
            | Self::Stalled { peer, .. }
            | Self::Broken { peer, .. } => peer.ip(),
            Self::Resolve { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_one_line_and_a_number() {
        let complaints = Complaints::default();
        let address = |last| Some(IpAddr::from([10, 0, 0, last]));
        let lines: Vec<_> = (0..5000)
            .filter_map(|n| complaints.about(address((n % 5) as u8), &"slow"))
            .collect();
        assert_eq!(lines, [Unsaid(0); 5]);
        assert_eq!(complaints.about(address(1), &"other"), Some(Unsaid(4995)));
        let many = (0..250).filter_map(|n| complaints.about(address(n), &"slow"));
        assert_eq!(many.count(), MOST - 6);
        tokio::time::advance(MINUTE).await;
        let line = complaints.about(address(1), &"slow").unwrap();
        assert_eq!(line.to_string(), " (before this, 221 more were refused)");
    }
}
