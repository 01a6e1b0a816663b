//! Files and trees come, are shared, and go.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use store::{Entry, Kind, Lookup, Options, Store, StoreError};

use crate::support::{build, check, content, digest, is_whole, open, options, recipe};

const MIB: u64 = 1 << 20;

#[test]
fn a_file_is_kept_once_whoever_brings_it() {
    let base = tempfile::tempdir().unwrap();
    let store = open(base.path(), 10 * MIB);
    let one = store.put(b"content", false).unwrap();
    let mut incoming = store.begin(7).unwrap();
    for piece in [&b"con"[..], b"tent"] {
        incoming.write(piece).unwrap();
    }
    let other = incoming.commit_as(digest(b"content"), false).unwrap();
    assert_eq!(one.digest(), other.digest());
    assert_eq!(fs::read(one.path()).unwrap(), b"content");
    assert_eq!(store.usage().objects, 1);
    assert_eq!(store.missing(&[one.digest(), digest(b"x")]), [digest(b"x")]);
    assert!(store.lease(one.digest(), false).is_some());
    assert!(store.lease(digest(b"x"), false).is_none());
    assert_eq!(
        one.open().unwrap().metadata().unwrap().mode() & 0o777,
        0o444
    );
    drop((one, other));
    drop(store);
    check(base.path(), &open(base.path(), 10 * MIB), 0).unwrap();
}

#[test]
fn what_is_not_as_announced_is_refused_and_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let store = open(base.path(), 10 * MIB);
    let empty = store.usage();
    let mut incoming = store.begin(7).unwrap();
    incoming.write(b"con").unwrap();
    assert!(matches!(
        incoming.commit(false),
        Err(StoreError::Length { wanted: 7 })
    ));
    let mut incoming = store.begin(3).unwrap();
    assert!(matches!(
        incoming.write(b"content"),
        Err(StoreError::Length { wanted: 3 })
    ));
    drop(incoming);
    let mut incoming = store.begin(3).unwrap();
    incoming.write(b"con").unwrap();
    let error = incoming.commit_as(digest(b"x"), false).unwrap_err();
    assert!(matches!(error, StoreError::Mismatch { .. }), "{error}");
    let (id, entries) = recipe(1);
    let error = store.build(id, entries).unwrap_err();
    assert!(
        matches!(&error, StoreError::Missing(files) if files.len() == 3),
        "{error}"
    );
    let entries = vec![Entry {
        path: "../out".into(),
        kind: Kind::Directory { sticky: false },
    }];
    assert!(matches!(
        store.build(id, entries),
        Err(StoreError::Entry { .. })
    ));
    assert_eq!(store.usage(), empty);
    check(base.path(), &store, 9).unwrap();
}

#[test]
fn trees_share_files_and_outlive_a_restart() {
    let base = tempfile::tempdir().unwrap();
    let store = open(base.path(), 10 * MIB);
    let one = build(&store, 4).unwrap();
    is_whole(one.root(), 4).unwrap();
    let alone = store.usage().used;
    let two = build(&store, 5).unwrap();
    let again = build(&store, 5).unwrap();
    assert_eq!(two.root(), again.root());
    // File 5 of 70 kB is in both.
    let shared = |root: &std::path::Path, name: &str| fs::metadata(root.join(name)).unwrap().ino();
    assert_eq!(
        shared(one.root(), "usr/bin/1"),
        shared(two.root(), "usr/bin/0")
    );
    assert!(store.usage().used > alone);
    let mode = one
        .root()
        .join("usr/bin/1")
        .metadata()
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o222, 0, "nobody may write it");
    drop((one, two, again, store));
    let store = open(base.path(), 10 * MIB);
    check(base.path(), &store, 9).unwrap();
    let Lookup::Ready(lease) = store.lease_tree(&recipe(5).0) else {
        panic!()
    };
    is_whole(lease.root(), 5).unwrap();
    assert!(matches!(store.lease_tree(&recipe(6).0), Lookup::Missing));
    assert_eq!(store.entries(&lease).unwrap().len(), recipe(5).1.len());
    // What is not wanted after all goes at once, except what is part of something.
    let before = store.usage();
    let unwanted = [5, 33].map(|number| store.put(&content(number), true).unwrap());
    store.discard(unwanted.into());
    assert_eq!(store.usage(), before);
    is_whole(lease.root(), 5).unwrap();
}

#[test]
fn the_least_recently_used_goes_and_never_what_is_in_use() {
    let base = tempfile::tempdir().unwrap();
    // Each of these trees has a file of 300 kB of its own, with both kinds of rights.
    let (limit, numbers) = (1_500_000, [6, 13, 20]);
    let store = open(base.path(), limit);
    let held = build(&store, numbers[0]).unwrap();
    drop(build(&store, numbers[1]).unwrap());
    drop(build(&store, numbers[2]).unwrap());
    assert!(store.contains_tree(&held.id()), "in use");
    assert!(
        !store.contains_tree(&recipe(numbers[1]).0),
        "idle for longest"
    );
    drop(build(&store, numbers[1]).unwrap());
    is_whole(held.root(), numbers[0]).unwrap();
    assert!(!store.contains_tree(&recipe(numbers[2]).0));
    // The same order counts after a restart, and a lower limit at once.
    drop(held);
    drop(store);
    let store = open(base.path(), limit / 2);
    assert_eq!(store.usage().trees, 1);
    check(base.path(), &store, 30).unwrap();
}

#[test]
fn a_newcomer_waits_for_what_was_used_a_moment_ago() {
    let base = tempfile::tempdir().unwrap();
    let patient = Options {
        grace: Duration::from_secs(200),
        ..options(MIB)
    };
    let (store, _) = Store::open(base.path(), patient).unwrap();
    let lease = build(&store, 6).unwrap();
    let second = build(&store, 13).map(drop);
    assert!(
        matches!(second, Err(StoreError::NoRoom { .. })),
        "{second:?}"
    );
    drop(lease);
    assert!(
        matches!(build(&store, 13), Err(StoreError::NoRoom { .. })),
        "a moment ago"
    );
    let too_large = store.begin(2 * MIB).unwrap_err();
    assert!(
        matches!(too_large, StoreError::TooLarge { .. }),
        "{too_large}"
    );
    assert!(store.contains_tree(&recipe(6).0));
}

#[test]
fn a_distrusted_tree_is_gone_at_once_and_its_files_are_read_again() {
    let base = tempfile::tempdir().unwrap();
    let store = open(base.path(), 10 * MIB);
    let (broken, neighbour) = (build(&store, 4).unwrap(), build(&store, 5).unwrap());
    // A disk that lies: file 5 is part of both.
    let victim = base
        .path()
        .join("floe/objects")
        .join(format!("{}x", digest(&content(5))));
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&victim, vec![0; content(5).len()]).unwrap();
    assert!(store.distrust_tree(&broken.id()));
    assert!(!store.distrust_tree(&broken.id()));
    assert!(matches!(store.lease_tree(&broken.id()), Lookup::Missing));
    assert!(broken.root().exists(), "in use");
    assert!(matches!(
        store.lease_tree(&neighbour.id()),
        Lookup::Unverified
    ));
    assert!(matches!(build(&store, 4), Err(StoreError::Busy)));
    assert!(store.verify_tree(&neighbour.id()).unwrap().is_none());
    drop((broken, neighbour));
    let mended = build(&store, 5).unwrap();
    is_whole(mended.root(), 5).unwrap();
    is_whole(build(&store, 4).unwrap().root(), 4).unwrap();
    drop((mended, store));
    check(base.path(), &open(base.path(), 10 * MIB), 9).unwrap();
}

#[test]
fn what_is_only_announced_makes_nothing_give_way() {
    let base = tempfile::tempdir().unwrap();
    let store = open(base.path(), 40 * MIB);
    drop(build(&store, 6).unwrap());
    let mut announced: Vec<_> = (0..4).map(|_| store.begin(25 * MIB).unwrap()).collect();
    assert!(store.contains_tree(&recipe(6).0));
    let piece = vec![1; 1 << 20];
    assert!((0..25).all(|_| announced[0].write(&piece).is_ok()));
    let second = (0..25).try_for_each(|_| announced[1].write(&piece));
    assert!(
        matches!(second, Err(StoreError::NoRoom { .. })),
        "{second:?}"
    );
    drop(announced);
    assert!(store.begin(25 * MIB).is_ok());
    assert_eq!(store.usage().reserved, 0);
}

#[test]
fn many_who_bring_the_same_tree_have_one() {
    let base = tempfile::tempdir().unwrap();
    let store = open(base.path(), 10 * MIB);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..6 {
                    is_whole(build(&store, number).unwrap().root(), number).unwrap();
                }
            });
        }
    });
    assert_eq!(store.usage().trees, 6);
    drop(store);
    check(base.path(), &open(base.path(), 10 * MIB), 9).unwrap();
}
