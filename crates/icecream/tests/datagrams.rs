//! The UDP datagrams captured from icecream 1.4's scheduler (net name `mynet`, started at
//! 0x6b02057d), in both directions; and the rules for choosing and yielding.

use icecream::Version;
use icecream::discovery::*;

/// Captured bytes, and the length to which NULs follow.
const REPLIES: [(u8, &[u8], usize); 11] = [
    (43, b"\x2e\0\0\0\x2b\0\0\0\0\x6b\x02\x05\x7dmynet", 268),
    (44, b"\x2f\0\0\0\x2b\0\0\0\0\x6b\x02\x05\x7dmynet", 268),
    (38, b"\x29\0\0\0\x2b\0\0\0\0\x6b\x02\x05\x7dmynet", 268),
    (37, b"\x27\x2b\0\0\0\x7d\x05\x02\x6b\0\0\0\0mynet", 268),
    (36, b"\x26\x2b\0\0\0\x7d\x05\x02\x6b\0\0\0\0mynet", 268),
    (35, b"\x25\x2b\0\0\0\x7d\x05\x02\x6b\0\0\0\0mynet", 32),
    (33, b"\x23\x2b\0\0\0\x7d\x05\x02\x6b\0\0\0\0mynet", 32),
    (32, b"\x21mynet", 16),
    (21, b"\x16mynet", 16),
    (100, b"\x67\0\0\0\x2b\0\0\0\0\x6b\x02\x05\x7dmynet", 268),
    (127, b"\x82\0\0\0\x2b\0\0\0\0\x6b\x02\x05\x7dmynet", 268),
];
const OLD_ANNOUNCEMENT: &[u8] = b"ICE\x2b\x7d\x05\x02\x6b\0\0\0\0\x05myne\0";
const NEW_ANNOUNCEMENT: (&[u8], usize) = (b"ICF\x2b\0\0\0\0\x6b\x02\x05\x7dmynet", 268);

fn padded(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(length, 0);
    bytes
}

fn captured() -> Identity {
    Identity {
        version: 43,
        start_time: 0x6b02_057d,
        net_name: b"mynet".to_vec(),
    }
}

#[test]
fn replies_are_laid_out_for_the_asker() {
    for (asked, expected, length) in REPLIES {
        let query = Query::new(asked).unwrap();
        assert_eq!(
            reply(query, &captured()),
            padded(expected, length),
            "query {asked}"
        );
        assert_eq!(read(&[asked]), Some(Datagram::Query(query)));
    }
    for asked in (0..21).chain(128..=255) {
        assert_eq!(read(&[asked]), None, "query {asked}");
    }
}

#[test]
fn a_query_is_one_byte() {
    assert_eq!(query(Version::V43), [0x2b]);
    assert_eq!(query(Version::V44), [0x2c]);
}

#[test]
fn a_reply_to_us_is_read() {
    for (asked, bytes, length) in &REPLIES[..2] {
        let own = Version::from_number((*asked).into()).unwrap();
        assert_eq!(read_reply(&padded(bytes, *length), own), Some(captured()));
    }
}

#[test]
fn replies_of_old_schedulers_are_read_so_that_they_can_be_named() {
    let own = Version::V44;
    let old = |first: u8, rest: &[u8], length| padded(&[&[first], rest].concat(), length);
    let name_only = read_reply(&old(45, b"mynet", 16), own).unwrap();
    assert_eq!((name_only.version, name_only.start_time), (32, 0));
    for length in [32, 268] {
        let bytes = old(46, b"\x24\0\0\0\x7d\x05\x02\x6b\0\0\0\0mynet", length);
        let expected = Identity {
            version: 36,
            ..captured()
        };
        assert_eq!(read_reply(&bytes, own), Some(expected));
    }
}

#[test]
fn what_is_no_reply_to_us_is_dropped() {
    let own = Version::V44;
    let good = padded(b"\x2f\0\0\0\x2b\0\0\0\0\x6b\x02\x05\x7dmynet", 268);
    assert!(read_reply(&good, own).is_some());
    assert_eq!(
        read_reply(&good, Version::V43),
        None,
        "the answer to another's query"
    );
    assert_eq!(read_reply(&good[..267], own), None);
    assert_eq!(read_reply(&padded(&good, 269), own), None);
    assert_eq!(read_reply(&[], own), None);
    for version in [0_u32, 128, u32::MAX] {
        let mut bytes = good.clone();
        bytes[1..5].copy_from_slice(&version.to_be_bytes());
        assert_eq!(read_reply(&bytes, own), None, "version {version}");
    }
}

#[test]
fn announcements_go_out_as_captured_and_are_read() {
    let [old, modern] = announce(&captured());
    assert_eq!(old, OLD_ANNOUNCEMENT);
    assert_eq!(modern, padded(NEW_ANNOUNCEMENT.0, NEW_ANNOUNCEMENT.1));
    let Some(Datagram::Announcement(read_modern)) = read(&modern) else {
        panic!()
    };
    assert_eq!(
        read_modern,
        Announcement {
            style: Style::Modern,
            identity: captured()
        }
    );
    let Some(Datagram::Announcement(read_old)) = read(&old) else {
        panic!()
    };
    assert_eq!(read_old.style, Style::Old);
    assert_eq!(read_old.identity.net_name, b"myne");
    assert_eq!(read(&modern[..267]), None);
    assert_eq!(read(&old[..17]), None);
}

#[test]
fn names_that_are_too_long_are_cut_and_end_with_a_nul() {
    let own = Identity {
        net_name: vec![b'n'; 300],
        ..captured()
    };
    for (asked, length, kept) in [(21, 16, 14), (35, 32, 18), (36, 268, 254), (44, 268, 254)] {
        let reply = reply(Query::new(asked).unwrap(), &own);
        assert_eq!(reply.len(), length);
        assert_eq!(reply.iter().filter(|byte| **byte == b'n').count(), kept);
        assert_eq!(reply.last(), Some(&0));
    }
    let [old, modern] = announce(&own);
    assert_eq!((old.len(), modern.len()), (13 + 254, 268));
    assert!(read(&old).is_some() && read(&modern).is_some());
}

#[test]
fn the_newest_and_then_the_oldest_running_scheduler_of_the_net_is_chosen() {
    let one = |version, start_time, name: &str| Identity {
        version,
        start_time,
        net_name: name.into(),
    };
    let replies = [
        one(41, 1, "mynet"),
        one(43, 20, "MyNet"),
        one(43, 10, "mynet"),
        one(44, 30, "other"),
        one(43, 5, "mynet2"),
    ];
    let of = |net_name| choose(&replies, |identity| identity, net_name);
    assert_eq!(of("MYNET"), Some(&replies[2]));
    assert_eq!(of("other"), Some(&replies[3]));
    assert_eq!(of(DEFAULT_NET_NAME), None);
    assert_eq!(
        choose(&replies[..1], |identity| identity, "mynet"),
        None,
        "too old to talk to"
    );
}

#[test]
fn a_scheduler_yields_only_to_a_better_one_of_its_net() {
    let own = captured();
    let other = |version, start_time, name: &str| Announcement {
        style: Style::Modern,
        identity: Identity {
            version,
            start_time,
            net_name: name.into(),
        },
    };
    assert!(yields_to(&own, &other(44, own.start_time + 1, "mynet")));
    assert!(yields_to(&own, &other(43, own.start_time - 1, "mynet")));
    assert!(
        !yields_to(&own, &other(43, own.start_time, "mynet")),
        "its own announcement"
    );
    assert!(!yields_to(&own, &other(42, 0, "mynet")));
    assert!(
        !yields_to(&own, &other(44, 0, "MYNET")),
        "here case matters"
    );
    let very_old = Identity {
        version: 30,
        ..captured()
    };
    assert!(!yields_to(&very_old, &other(35, 0, "mynet")));
    let old_style = Announcement {
        style: Style::Old,
        ..other(44, 0, "mynet")
    };
    assert!(!yields_to(&own, &old_style));
}
