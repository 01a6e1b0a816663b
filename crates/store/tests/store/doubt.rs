//! After a failure of power nothing is believed before it was read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use store::Lookup;

use crate::support::{build, check, content, digest, is_whole, open, open_found, recipe};

const MIB: u64 = 1 << 20;

/// A store with trees 4 and 9 that was written before the machine started.
fn earlier(base: &Path) {
    let store = open(base, 10 * MIB);
    drop((build(&store, 4).unwrap(), build(&store, 9).unwrap()));
    store.put(b"alone", false).unwrap();
    drop(store);
    fs::write(base.join("floe/boot"), "another boot").unwrap();
}

fn damage(path: &Path, how: impl FnOnce(&Path)) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    how(path);
    fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
}

#[test]
fn what_is_whole_is_used_again_after_it_was_read() {
    let base = tempfile::tempdir().unwrap();
    earlier(base.path());
    let (store, found) = open_found(base.path(), 10 * MIB);
    assert!(found.swept.is_empty() && found.doubtful >= 7, "{found:?}");
    check(base.path(), &store, 10).unwrap();
    assert!(store.contains_tree(&recipe(4).0));
    assert!(matches!(store.lease_tree(&recipe(4).0), Lookup::Unverified));
    let lease = store.verify_tree(&recipe(4).0).unwrap().unwrap();
    is_whole(lease.root(), 4).unwrap();
    assert!(matches!(store.lease_tree(&recipe(4).0), Lookup::Ready(_)));
    assert!(store.lease(digest(b"alone"), false).is_some());
    drop((lease, store));
    // What was read is known from then on; what was not is still in doubt, also after a restart.
    let (store, found) = open_found(base.path(), 10 * MIB);
    assert!(found.doubtful > 0);
    assert!(matches!(store.lease_tree(&recipe(4).0), Lookup::Ready(_)));
    assert!(matches!(store.lease_tree(&recipe(9).0), Lookup::Unverified));
    // Whoever brings it again has it verified.
    is_whole(build(&store, 9).unwrap().root(), 9).unwrap();
    check(base.path(), &store, 10).unwrap();
}

#[test]
fn a_file_that_is_cut_short_takes_its_trees_with_it() {
    let base = tempfile::tempdir().unwrap();
    earlier(base.path());
    let objects = base.path().join("floe/objects");
    damage(
        &objects.join(format!("{}x", digest(&content(10)))),
        |path| {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(3)
                .unwrap();
        },
    );
    let store = open(base.path(), 10 * MIB);
    assert!(store.verify_tree(&recipe(9).0).unwrap().is_none());
    assert!(!store.contains_tree(&recipe(9).0));
    assert!(store.verify_tree(&recipe(4).0).unwrap().is_some());
    is_whole(build(&store, 9).unwrap().root(), 9).unwrap();
    check(base.path(), &store, 10).unwrap();
}

#[test]
fn a_tree_that_differs_from_its_list_is_not_used() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("a file is missing", |tree| {
            fs::remove_file(tree.join("usr/bin/1")).unwrap();
        }),
        ("a file too many", |tree| {
            fs::write(tree.join("usr/bin/new"), "").unwrap();
        }),
        ("a directory too many", |tree| {
            fs::create_dir(tree.join("new")).unwrap();
        }),
        ("another link", |tree| {
            fs::remove_file(tree.join("usr/long")).unwrap();
            std::os::unix::fs::symlink("/", tree.join("usr/long")).unwrap();
        }),
        ("another file", |tree| {
            fs::remove_file(tree.join("usr/bin/1")).unwrap();
            fs::write(tree.join("usr/bin/1"), "").unwrap();
        }),
        ("an empty record", |tree| {
            let records = tree.parent().unwrap().parent().unwrap().join("records");
            fs::write(records.join(tree.file_name().unwrap()), "").unwrap();
        }),
    ];
    for (what, change) in changes {
        let base = tempfile::tempdir().unwrap();
        earlier(base.path());
        change(&base.path().join("floe/trees").join(recipe(9).0.to_string()));
        let store = open(base.path(), 10 * MIB);
        assert!(store.verify_tree(&recipe(9).0).unwrap().is_none(), "{what}");
        is_whole(build(&store, 9).unwrap().root(), 9).unwrap();
        drop(store);
        check(base.path(), &open(base.path(), 10 * MIB), 10).unwrap();
    }
}
