//! Connections that have not shown yet whose they are: a bounded number of them, and whoever comes gets in.
//!
//! Waiting costs an attacker nothing, so a full room that turns newcomers away, or lets them wait, belongs to
//! whoever filled it. Here the newcomer stays and the oldest connection of the network that has most of them
//! goes: a handshake of an honest host is over in a few round trips, long before it is the oldest.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::error::TransportError;
use crate::stream::Endpoint;

/// Cheap to clone; all copies are one room.
#[derive(Clone, Debug)]
pub struct Lobby {
    most: usize,
    guests: Arc<Mutex<Guests>>,
}

#[derive(Debug, Default)]
struct Guests {
    count: usize,
    last: u64,
    /// By network, each with its oldest first.
    waiting: HashMap<IpAddr, VecDeque<(u64, oneshot::Sender<()>)>>,
}

/// One connection in the room; it leaves when this is dropped.
#[derive(Debug)]
pub struct Guest {
    lobby: Lobby,
    network: IpAddr,
    number: u64,
    shown_out: oneshot::Receiver<()>,
}

impl Lobby {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            guests: Arc::default(),
        }
    }

    /// Lets one in; if there are too many, another goes for it.
    pub fn enter(&self, address: IpAddr) -> Guest {
        let network = network(address);
        let (stays, shown_out) = oneshot::channel();
        let mut guests = self.guests();
        while guests.count >= self.most && guests.show_one_out() {}
        guests.count += 1;
        guests.last += 1;
        let number = guests.last;
        let waiting = guests.waiting.entry(network).or_default();
        waiting.push_back((number, stays));
        drop(guests);
        Guest {
            lobby: self.clone(),
            network,
            number,
            shown_out,
        }
    }

    /// The counts are right between two statements, whoever panicked.
    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guests {
    /// Dropping its sender tells it.
    fn show_one_out(&mut self) -> bool {
        let most = self.waiting.iter().max_by_key(|(_, waiting)| {
            let oldest = waiting.front().map(|(number, _)| Reverse(*number));
            (waiting.len(), oldest)
        });
        let Some((network, number)) =
            most.and_then(|(network, waiting)| Some((*network, waiting.front()?.0)))
        else {
            return false;
        };
        self.leave(network, number)
    }

    fn leave(&mut self, network: IpAddr, number: u64) -> bool {
        let Some(waiting) = self.waiting.get_mut(&network) else {
            return false;
        };
        let found = waiting.iter().position(|(known, _)| *known == number);
        let Some(place) = found else {
            return false;
        };
        waiting.remove(place);
        self.count -= 1;
        if waiting.is_empty() {
            self.waiting.remove(&network);
        }
        true
    }
}

impl Guest {
    /// What is to be done here, unless others need the room.
    pub async fn stay<T, E: From<TransportError>>(
        &mut self,
        peer: &Endpoint,
        conversation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            _ = &mut self.shown_out => Err(TransportError::Crowded { peer: peer.clone() }.into()),
            done = conversation => done,
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.lobby.guests().leave(self.network, self.number);
    }
}

/// Whoever has one address of IPv6 has the 2^64 around it.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = address.to_bits() >> 64 << 64;
            Ipv6Addr::from_bits(prefix).into()
        }
        IpAddr::V4(address) => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Guest {
        fn is_shown_out(&mut self) -> bool {
            self.shown_out.try_recv() == Err(oneshot::error::TryRecvError::Closed)
        }
    }

    #[test]
    fn the_oldest_of_the_largest_crowd_goes() {
        let lobby = Lobby::new(4);
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let mut honest = lobby.enter(address(1));
        let mut crowd: Vec<_> = (0..3).map(|_| lobby.enter(address(2))).collect();
        crowd.push(lobby.enter(address(2)));
        crowd.push(lobby.enter(address(3)));
        let shown: Vec<_> = crowd.iter_mut().map(Guest::is_shown_out).collect();
        assert_eq!(shown, [true, true, false, false, false]);
        assert!(!honest.is_shown_out());
        drop(crowd);
        assert_eq!(lobby.guests().count, 1);
        drop(honest);
        assert!(lobby.guests().waiting.is_empty());
    }

    #[test]
    fn among_single_ones_the_oldest_goes() {
        let lobby = Lobby::new(100);
        let mut guests: Vec<_> = (0..200_u8)
            .map(|last| lobby.enter(IpAddr::from([10, 0, 0, last])))
            .collect();
        assert!(guests[..100].iter_mut().all(Guest::is_shown_out));
        assert!(!guests[100..].iter_mut().any(Guest::is_shown_out));
    }

    #[test]
    fn one_host_s_addresses_of_ipv6_are_one_crowd() {
        let [one, other, third] = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"]
            .map(|text| network(text.parse().unwrap()));
        assert_eq!(one, other);
        assert_ne!(one, third);
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(network(mapped), IpAddr::from([10, 0, 0, 1]));
    }
}
