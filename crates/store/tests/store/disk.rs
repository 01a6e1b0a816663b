//! A full disk. Needs a small one: a tmpfs in a mount namespace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use store::{Options, Store, StoreError};

use crate::support::{build, check, content, is_whole, open, options, recipe};

const DISK: &str = "FLOE_TEST_SMALL_DISK";
const MIB: u64 = 1 << 20;

/// A disk of 3 MiB for the test called `name`. None: the test has run on one, in another process, or
/// there can be none here.
pub(crate) fn small_disk(name: &str) -> Option<PathBuf> {
    if let Some(disk) = std::env::var_os(DISK) {
        return Some(disk.into());
    }
    let place = tempfile::tempdir().unwrap();
    let mount = format!(
        "mount -t tmpfs -o size=3m,mode=755 none '{}'",
        place.path().display()
    );
    let spaces: &[&str] = if rustix::process::geteuid().is_root() {
        &["--mount"]
    } else {
        &["--mount", "--user", "--map-root-user"]
    };
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(spaces).args(["sh", "-c", script, "sh"]);
        command
    };
    if !unshare(&mount)
        .output()
        .is_ok_and(|tried| tried.status.success())
    {
        println!("SKIPPED: a tmpfs cannot be mounted here");
        return None;
    }
    let tried = unshare(&format!("{mount} && exec \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(DISK, place.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tried.stdout) + String::from_utf8_lossy(&tried.stderr);
    assert!(
        tried.status.success() && said.contains("1 passed"),
        "{said}"
    );
    None
}

/// Fills the disk until `left` bytes are free.
fn fill(disk: &Path, left: u64) {
    let found = rustix::fs::statvfs(disk).unwrap();
    let free = found.f_bavail * found.f_frsize;
    fs::write(disk.join("filler"), vec![1; (free - left) as usize]).unwrap();
}

#[test]
fn a_full_disk_is_told_apart_and_everything_still_works_when_it_is_not() {
    let Some(disk) =
        small_disk("disk::a_full_disk_is_told_apart_and_everything_still_works_when_it_is_not")
    else {
        return;
    };
    let disk = disk.as_path();
    // A limit larger than the disk.
    let store = open(disk, 100 * MIB);
    let lease = build(&store, 4).unwrap();
    fill(disk, 200_000);
    let error = store.put(&content(6), false).unwrap_err();
    assert!(
        matches!(error, StoreError::DiskFull { .. }) && error.is_full(),
        "{error}"
    );
    assert!(
        store
            .room()
            .unwrap_err()
            .to_string()
            .contains("disk is full")
    );
    is_whole(lease.root(), 4).unwrap();
    fs::remove_file(disk.join("filler")).unwrap();
    drop(store.put(&content(6), false).unwrap());
    // Somebody else fills the disk while something is being written.
    let mut incoming = store.begin(100_000).unwrap();
    fill(disk, 20_000);
    let written = (0..10).try_for_each(|_| incoming.write(&[7; 10_000]));
    assert!(
        matches!(written, Err(StoreError::DiskFull { .. })),
        "{written:?}"
    );
    drop(incoming);
    fs::remove_file(disk.join("filler")).unwrap();
    drop((lease, store));
    // A full disk is no reason not to start, not even after a failure of power.
    fs::write(disk.join("floe/boot"), "another boot").unwrap();
    fill(disk, 0);
    let store = open(disk, 100 * MIB);
    drop(store.verify_tree(&recipe(4).0).unwrap().unwrap());
    assert!(store.begin(2 * MIB).unwrap_err().is_full());
    drop(store);
    fs::remove_file(disk.join("filler")).unwrap();
    check(disk, &open(disk, 100 * MIB), 9).unwrap();
}

#[test]
fn what_nobody_needs_goes_before_the_disk_is_full() {
    let Some(disk) = small_disk("disk::what_nobody_needs_goes_before_the_disk_is_full") else {
        return;
    };
    let disk = disk.as_path();
    let careful = Options {
        headroom: MIB,
        ..options(100 * MIB)
    };
    let (store, _) = Store::open(disk, careful).unwrap();
    for number in [6, 13, 20, 27, 34] {
        drop(build(&store, number).unwrap());
        assert!(store.room().is_ok());
    }
    assert!(store.contains_tree(&recipe(34).0) && !store.contains_tree(&recipe(6).0));
    // Giving up everything would not help: it stays.
    let before = store.usage();
    fill(disk, MIB + 10_000);
    let error = store.begin(2 * MIB).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert_eq!(store.usage(), before);
}
