use super::*;

fn path(text: &str) -> MemberPath {
    MemberPath::parse(text.as_bytes()).unwrap()
}

fn file(text: &str, size: u64) -> Entry {
    let digest = Digest::from_bytes([size as u8; 32]);
    Entry {
        path: path(text),
        kind: Kind::File {
            executable: size % 2 == 1,
            size,
            digest,
        },
    }
}

fn link(text: &str, target: &str) -> Entry {
    let path = path(text);
    let target = LinkTarget::parse(&path, target.as_bytes()).unwrap();
    Entry {
        path,
        kind: Kind::Symlink { target },
    }
}

#[test]
fn order_does_not_matter_and_directories_are_added() {
    let members = [
        file("usr/bin/gcc", 3),
        link("lib64", "usr/lib64"),
        file("usr/bin.x", 4),
    ];
    let one = Manifest::new(members.clone()).unwrap();
    let other = Manifest::new(members.into_iter().rev()).unwrap();
    assert_eq!(one.identity(), other.identity());
    let paths: Vec<_> = one
        .entries()
        .iter()
        .map(|entry| entry.path.to_string())
        .collect();
    assert_eq!(
        paths,
        ["lib64", "usr", "usr/bin", "usr/bin/gcc", "usr/bin.x"]
    );
    assert_eq!(Manifest::decode(&one.encode()).unwrap(), one);
    assert_eq!(one.bytes(), 7);
    assert_eq!(
        one.identity().environment_name().unwrap().as_str().len(),
        32
    );
}

#[test]
fn everything_about_a_member_is_part_of_the_identity() {
    let identity = |entry| Manifest::new([entry]).unwrap().identity();
    let mut seen = vec![
        identity(file("a", 2)),
        identity(file("b", 2)),
        identity(file("a", 4)),
        identity(link("a", "b")),
        identity(link("a", "c")),
        identity(Entry {
            path: path("a"),
            kind: Kind::Directory,
        }),
    ];
    let mut executable = file("a", 2);
    if let Kind::File { executable, .. } = &mut executable.kind {
        *executable = true;
    }
    seen.push(identity(executable));
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[test]
fn nothing_stands_below_a_file_and_nothing_twice() {
    let below = [file("a", 2), file("a/b", 2)];
    assert!(matches!(
        Manifest::new(below.clone()),
        Err(ManifestError::BelowFile { .. })
    ));
    assert!(Manifest::new(below.into_iter().rev()).is_err());
    assert!(matches!(
        Manifest::new([file("a", 2), file("a", 4)]),
        Err(ManifestError::Twice { .. })
    ));
    assert!(Manifest::new([file("a", 2), file("a", 2)]).is_ok());
}

#[test]
fn only_the_canonical_bytes_are_read() {
    let bytes = |entries: &[Entry]| codec::encode(entries);
    let dir = |text: &str| Entry {
        path: path(text),
        kind: Kind::Directory,
    };
    let refused = |entries: &[Entry]| Manifest::decode(&bytes(entries)).unwrap_err();
    assert!(matches!(
        refused(&[file("b", 2), file("a", 2)]),
        ManifestError::Twice { .. }
    ));
    assert!(matches!(
        refused(&[file("a/b", 2)]),
        ManifestError::NoDirectory { .. }
    ));
    assert!(matches!(
        refused(&[link("a", "/"), file("a/b", 2)]),
        ManifestError::NoDirectory { .. }
    ));
    assert!(matches!(
        refused(&[dir("a"), dir("a/b"), dir("c"), file("c/b/x", 2)]),
        ManifestError::NoDirectory { .. }
    ));
    assert!(
        Manifest::decode(&bytes(&[
            dir("a"),
            dir("a/b"),
            file("a/b/x", 2),
            file("a/c", 2),
            dir("b")
        ]))
        .is_ok()
    );
    let whole = bytes(&[dir("a"), file("a/b", 2), link("a/c", "../a")]);
    for end in 0..whole.len() {
        let cut = Manifest::decode(&whole[..end]);
        assert!(cut.is_err() || cut.unwrap().encode().len() == end, "{end}");
    }
    assert!(matches!(
        Manifest::decode(b"floe toolchain 9\n"),
        Err(ManifestError::Format)
    ));
}

#[test]
fn a_path_stays_below_the_root() {
    for bad in [
        "", "/", "/etc", "a/", "a//b", "./a", "a/.", "..", "a/../b", "a\0b",
    ] {
        assert!(MemberPath::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(MemberPath::parse(&[b'x'; 256]).is_err());
    assert!(MemberPath::parse(&b"x/".repeat(3000)).is_err());
    let link = path("usr/lib/libx.so");
    for good in ["libx.so.1", "../../lib/x", "/lib/x", "."] {
        assert!(LinkTarget::parse(&link, good.as_bytes()).is_ok(), "{good}");
    }
    for bad in ["", "../../../etc", "/..", "a/../../../../x", "a\0"] {
        assert!(LinkTarget::parse(&link, bad.as_bytes()).is_err(), "{bad}");
    }
}
