//! Finding a scheduler by UDP: queries, replies, announcements, and who yields to whom (protocol
//! notes, section 4; checked against what icecc-scheduler 1.4 sends).

use crate::Version;

/// The net name of those who name none.
pub const DEFAULT_NET_NAME: &str = "ICECREAM";
/// The length of a modern reply and of a modern announcement.
pub const DATAGRAM_LEN: usize = 268;
/// No datagram of this protocol is longer.
pub const MAX_DATAGRAM: usize = 512;

/// What a scheduler says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its highest protocol version.
    pub version: u32,
    /// Unix seconds of its start.
    pub start_time: u64,
    pub net_name: Vec<u8>,
}

/// What arrives at a scheduler's UDP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    Query(Query),
    Announcement(Announcement),
}

/// An asker's highest version, one that can be answered (21 to 127).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query(u8);

impl Query {
    pub fn new(version: u8) -> Option<Self> {
        (21..=127).contains(&version).then_some(Self(version))
    }

    pub fn version(self) -> u8 {
        self.0
    }
}

/// A scheduler's broadcast of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub style: Style,
    pub identity: Identity,
}

/// The two layouts of an announcement. Only the modern one is taken seriously.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Old,
    Modern,
}

/// The query of a daemon or monitor that speaks up to `own`.
pub fn query(own: Version) -> [u8; 1] {
    [own.number().to_le_bytes()[0]]
}

/// Reads what arrived at a scheduler. None is not worth an answer or a log line.
pub fn read(datagram: &[u8]) -> Option<Datagram> {
    match datagram {
        [version] => Query::new(*version).map(Datagram::Query),
        _ => read_announcement(datagram).map(Datagram::Announcement),
    }
}

/// The answer to a query, laid out as askers of that version expect it.
pub fn reply(query: Query, own: &Identity) -> Vec<u8> {
    let asker = query.version();
    match asker {
        ..=32 => {
            let mut out = vec![asker + 1];
            put_name(&mut out, &own.net_name, 16);
            out
        }
        33..=37 => {
            let mut out = vec![asker + 2];
            out.extend_from_slice(&own.version.to_le_bytes());
            out.extend_from_slice(&own.start_time.to_le_bytes());
            put_name(
                &mut out,
                &own.net_name,
                if asker <= 35 { 32 } else { DATAGRAM_LEN },
            );
            out
        }
        _ => {
            // At most 127 + 3: no overflow.
            let mut out = vec![asker + 3];
            out.extend_from_slice(&own.version.to_be_bytes());
            out.extend_from_slice(&own.start_time.to_be_bytes());
            put_name(&mut out, &own.net_name, DATAGRAM_LEN);
            out
        }
    }
}

/// Reads an answer to the query of an asker that speaks up to `own`.
pub fn read_reply(datagram: &[u8], own: Version) -> Option<Identity> {
    let first = u32::from(*datagram.first()?);
    let identity = match (datagram.len(), first.checked_sub(own.number())?) {
        (16, 1) => Identity {
            version: 32,
            start_time: 0,
            net_name: name(&datagram[1..]),
        },
        (32 | DATAGRAM_LEN, 2) => Identity {
            version: u32::from_le_bytes(*datagram[1..].first_chunk()?),
            start_time: u64::from_le_bytes(*datagram[5..].first_chunk()?),
            net_name: name(&datagram[13..]),
        },
        (DATAGRAM_LEN, 3) => Identity {
            version: u32::from_be_bytes(*datagram[1..].first_chunk()?),
            start_time: u64::from_be_bytes(*datagram[5..].first_chunk()?),
            net_name: name(&datagram[13..]),
        },
        _ => return None,
    };
    (1..128).contains(&identity.version).then_some(identity)
}

/// The scheduler a daemon or monitor goes to: of those with its net name (in any case) and a
/// version it can speak, the newest, and of several the one that started first.
pub fn choose<'a, T>(
    replies: impl IntoIterator<Item = &'a T>,
    identity: impl Fn(&T) -> &Identity,
    net_name: &str,
) -> Option<&'a T> {
    replies
        .into_iter()
        .filter(|reply| {
            let found = identity(reply);
            found.version >= Version::MIN.number()
                && found.net_name.eq_ignore_ascii_case(net_name.as_bytes())
        })
        .min_by_key(|reply| {
            let found = identity(reply);
            (std::cmp::Reverse(found.version), found.start_time)
        })
}

/// The two datagrams that announce a scheduler, the old layout first.
pub fn announce(own: &Identity) -> [Vec<u8>; 2] {
    let version = u8::try_from(own.version).unwrap_or(u8::MAX);
    let mut old = b"ICE".to_vec();
    old.push(version);
    old.extend_from_slice(&own.start_time.to_le_bytes());
    let length = own.net_name.len().min(254);
    old.push(u8::try_from(length).unwrap_or(u8::MAX));
    // icecream 1.3 and 1.4 overwrite the last byte of the name; nobody accepted here reads this.
    old.extend_from_slice(&own.net_name[..length.saturating_sub(1)]);
    if length > 0 {
        old.push(0);
    }

    let mut modern = b"ICF".to_vec();
    modern.push(version);
    modern.extend_from_slice(&own.start_time.to_be_bytes());
    put_name(&mut modern, &own.net_name, DATAGRAM_LEN);
    [old, modern]
}

fn read_announcement(datagram: &[u8]) -> Option<Announcement> {
    let (magic, rest) = datagram.split_first_chunk::<3>()?;
    let (&version, rest) = rest.split_first()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    let (style, start_time, net_name) = match magic {
        b"ICF" if datagram.len() == DATAGRAM_LEN => {
            (Style::Modern, u64::from_be_bytes(*time), name(rest))
        }
        b"ICE" => {
            let (&length, text) = rest.split_first()?;
            if text.len() != usize::from(length) {
                return None;
            }
            (Style::Old, u64::from_le_bytes(*time), name(text))
        }
        _ => return None,
    };
    let identity = Identity {
        version: version.into(),
        start_time,
        net_name,
    };
    Some(Announcement { style, identity })
}

/// Whether the scheduler `own` must leave its net to the one that announced itself: the same name
/// (here case matters), and newer, or as new and longer at work.
pub fn yields_to(own: &Identity, other: &Announcement) -> bool {
    let theirs = &other.identity;
    other.style == Style::Modern
        && theirs.version >= 36
        && theirs.net_name == own.net_name
        && (theirs.version > own.version
            || (theirs.version == own.version && theirs.start_time < own.start_time))
}

/// Appends as much of a name as fits, and NULs up to `total` bytes.
fn put_name(out: &mut Vec<u8>, name: &[u8], total: usize) {
    let room = total - out.len() - 1;
    out.extend_from_slice(&name[..name.len().min(room)]);
    out.resize(total, 0);
}

fn name(field: &[u8]) -> Vec<u8> {
    field
        .iter()
        .copied()
        .take_while(|byte| *byte != 0)
        .collect()
}
