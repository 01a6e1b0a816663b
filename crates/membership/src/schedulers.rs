//! Where the cluster's schedulers are: each tells the authority with every question for revoked members, and
//! every member hears of all of them in the answer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rustls::pki_types::UnixTime;
use serde::{Deserialize, Serialize};

use crate::name::Address;
use job::MemberId;

/// A scheduler asks every quarter of a minute; who was not heard for so many seconds is left out.
const KEPT: u64 = 120;
/// No cluster has use for more.
const MOST: usize = 16;
/// Addresses of each.
const MOST_ADDRESSES: usize = 8;

/// A scheduler and how it is reached, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerAt {
    pub member: MemberId,
    pub addresses: Vec<Address>,
}

/// What a scheduler says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Where it listens, on the address from which it asks.
    pub port: u16,
    /// Where it is reached besides; these are tried first.
    pub advertised: Vec<Address>,
}

/// Those that were heard lately.
#[derive(Debug, Default)]
pub(crate) struct Register(BTreeMap<MemberId, (u64, Vec<Address>)>);

impl Register {
    /// `own` is where the authority itself is reached: a scheduler that comes over the loopback is on its host.
    pub(crate) fn note(
        &mut self,
        member: MemberId,
        presence: &Presence,
        from: Option<IpAddr>,
        own: &[Address],
        now: UnixTime,
    ) {
        self.forget_old(now);
        if self.0.len() >= MOST && !self.0.contains_key(&member) {
            return;
        }
        let mut addresses = presence.advertised.clone();
        match from.map(|ip| ip.to_canonical()) {
            _ if !addresses.is_empty() => {}
            Some(ip) if !ip.is_loopback() => addresses.push(Address::from((ip, presence.port))),
            _ => addresses.extend(own.iter().map(|one| one.with_port(presence.port))),
        }
        addresses.truncate(MOST_ADDRESSES);
        self.0.insert(member, (now.as_secs(), addresses));
    }

    pub(crate) fn list(&mut self, now: UnixTime) -> Vec<SchedulerAt> {
        self.forget_old(now);
        let row = |(&member, (_, addresses)): (&MemberId, &(u64, Vec<Address>))| SchedulerAt {
            member,
            addresses: addresses.clone(),
        };
        self.0.iter().map(row).collect()
    }

    pub(crate) fn remove(&mut self, member: MemberId) {
        self.0.remove(&member);
    }

    fn forget_old(&mut self, now: UnixTime) {
        let now = now.as_secs();
        self.0.retain(|_, (heard, _)| now.abs_diff(*heard) <= KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    fn presence(advertised: &[&str]) -> Presence {
        let advertised = advertised.iter().map(|text| text.parse().unwrap());
        Presence {
            port: 8765,
            advertised: advertised.collect(),
        }
    }

    fn shown(register: &mut Register, now: u64) -> Vec<Vec<String>> {
        let list = register.list(time::at(now));
        let texts = |at: &SchedulerAt| at.addresses.iter().map(Address::to_string).collect();
        list.iter().map(texts).collect()
    }

    #[test]
    fn a_scheduler_is_where_it_says_or_where_it_comes_from() {
        let own = ["boss:8767".parse().unwrap()];
        let mut register = Register::default();
        let id = |number| MemberId::from_bytes([number; 16]);
        let mut note = |number, presence, from: &str, now| {
            let from = Some(from.parse().unwrap());
            register.note(id(number), &presence, from, &own, time::at(now));
        };
        note(1, presence(&[]), "127.0.0.1", 1000);
        note(2, presence(&[]), "::ffff:10.0.0.2", 1000);
        note(3, presence(&["three:99"]), "10.0.0.3", 1001);
        let all = [["boss:8765"], ["10.0.0.2:8765"], ["three:99"]];
        assert_eq!(shown(&mut register, 1100), all);
        register.remove(id(1));
        assert_eq!(shown(&mut register, 1121), [["three:99"]]);
        assert!(shown(&mut register, 1122).is_empty());
    }
}
