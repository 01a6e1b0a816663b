use proptest::prelude::*;

use super::*;

fn sample() -> Invite {
    Invite {
        cluster: ClusterId::from_bytes([1; 16]),
        fingerprint: Fingerprint::from_bytes([2; 32]),
        id: InviteId::from_bytes([3; 8]),
        secret: Secret([4; 20]),
        addresses: vec![
            "build.example:10245".parse().unwrap(),
            "[fe80::1]:10245".parse().unwrap(),
        ],
    }
}

#[test]
fn a_line_is_read_as_it_was_written() {
    let line = sample().to_string();
    assert!(line.starts_with("floe1:"));
    assert!(line.len() < 260, "{}", line.len());
    let wrapped = format!(" {}\n  {} \n", &line[..70], &line[70..]);
    for spelling in [line.clone(), line.to_uppercase(), wrapped] {
        assert_eq!(spelling.parse(), Ok(sample()));
    }
}

#[test]
fn a_secret_is_never_shown() {
    let shown = format!("{:?}", sample());
    assert!(shown.contains("Secret(…)"), "{shown}");
}

#[test]
fn each_single_mistake_is_told_before_any_network() {
    let line = sample().to_string();
    for at in 0..line.len() {
        let mut other = line.clone().into_bytes();
        other[at] = if other[at] == b'a' { b'b' } else { b'a' };
        let other = String::from_utf8(other).unwrap();
        assert!(other.parse::<Invite>().is_err(), "{other}");
        let cut = line[..at].parse::<Invite>();
        let told = matches!(cut, Err(InvalidInvite::Incomplete | InvalidInvite::Foreign));
        assert!(told, "{at}: {cut:?}");
    }
    assert_eq!("floe2:aa".parse::<Invite>(), Err(InvalidInvite::Newer));
    assert_eq!("https://x".parse::<Invite>(), Err(InvalidInvite::Foreign));
    let long = format!("{line}{}", "a".repeat(9000));
    assert_eq!(long.parse::<Invite>(), Err(InvalidInvite::TooLong));
}

#[test]
fn a_wrong_letter_is_no_missing_one() {
    // Lines of every length that there is, by the length of the address.
    for length in 1..=8 {
        let invite = Invite {
            addresses: vec![format!("{}:1", "h".repeat(length)).parse().unwrap()],
            ..sample()
        };
        let line = invite.to_string();
        // The last letters, where groups are not whole, and some before them.
        for at in line.len() - 20..line.len() {
            for letter in [b'a', b'q', b'0', b'!'] {
                let mut other = line.clone().into_bytes();
                if other[at] == letter {
                    continue;
                }
                other[at] = letter;
                let read = String::from_utf8(other).unwrap().parse::<Invite>();
                assert_eq!(read, Err(InvalidInvite::Mistyped), "{length} {at}");
            }
        }
    }
}

#[test]
fn sense_is_asked_even_behind_a_right_checksum() {
    let mut bytes = vec![0; 76];
    bytes.push(0);
    let sum = checksum(&bytes);
    bytes.extend(sum);
    let line = format!("floe1:{}", BASE32_NOPAD.encode(&bytes));
    assert_eq!(line.parse::<Invite>(), Err(InvalidInvite::Senseless));
}

#[test]
fn a_secret_fits_its_own_tag_only() {
    let (cluster, invite) = (ClusterId::from_bytes([1; 16]), InviteId::from_bytes([2; 8]));
    let secret = Secret([5; 20]);
    let tag = secret.tag(cluster, invite);
    assert!(secret.fits(cluster, invite, &tag));
    assert!(!Secret([6; 20]).fits(cluster, invite, &tag));
    assert!(!secret.fits(cluster, InviteId::from_bytes([3; 8]), &tag));
    assert!(!secret.fits(ClusterId::from_bytes([2; 16]), invite, &tag));
}

proptest! {
    #[test]
    fn garbage_is_refused_without_a_panic(text in "(floe1:)?\\PC{0,300}") {
        prop_assert!(text.parse::<Invite>().is_err());
    }

    #[test]
    fn garbage_of_the_right_letters_is_refused(text in "floe1:[a-z2-7]{0,400}") {
        prop_assert!(text.parse::<Invite>().is_err());
    }

    #[test]
    fn whatever_has_a_checksum_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let line = [&bytes[..], &checksum(&bytes)].concat();
        if let Ok(invite) = format!("floe1:{}", BASE32_NOPAD.encode(&line)).parse::<Invite>() {
            // An address may be spelled in several ways, so only the content is the same.
            prop_assert_eq!(invite.to_string().parse(), Ok(invite));
        }
    }

    #[test]
    fn every_invitation_survives_its_line(id in any::<[u8; 8]>(), secret in any::<[u8; 20]>(), port in 1..u16::MAX) {
        let addresses = vec![format!("host-{port}:{port}").parse().unwrap(); 1 + usize::from(port % 4)];
        let invite = Invite { id: InviteId::from_bytes(id), secret: Secret(secret), addresses, ..sample() };
        prop_assert_eq!(invite.to_string().parse(), Ok(invite));
    }
}
