//! Whose directory it is.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use store::{Base, OpenError, Store};

use crate::support::{build, is_whole, open, open_found, options};

const BASE: &str = "FLOE_TEST_STORE_TO_HOLD";

/// Not a test by itself: another daemon.
#[test]
fn holder() {
    let Some(base) = std::env::var_os(BASE) else {
        return;
    };
    let _store = open(Path::new(&base), 1 << 20);
    println!("\nholding");
    let _until_the_test_ends = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_second_daemon_is_told_which_process_was_first() {
    let base = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "locks::holder", "--nocapture"])
        .env(BASE, base.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line == "holding"));
    let error = Store::open(base.path(), options(1 << 20)).unwrap_err();
    assert!(matches!(error, OpenError::InUse { pid, .. } if pid == Some(holder.id())));
    let text = error.to_string();
    assert!(
        text.contains(&holder.id().to_string()) && text.contains("-b"),
        "{text}"
    );
    // Death is enough to give it back.
    holder.kill().unwrap();
    holder.wait().unwrap();
    drop(open(base.path(), 1 << 20));
}

#[test]
fn a_wrong_directory_loses_nothing() {
    let base = tempfile::tempdir().unwrap();
    // icecream's, a user's, and one with our own words in it.
    for path in [
        "target=x86_64/env/usr",
        "native",
        "objects",
        "tmp",
        "scratch",
    ] {
        fs::create_dir_all(base.path().join(path)).unwrap();
        fs::write(base.path().join(path).join("precious"), "x").unwrap();
    }
    drop(open(base.path(), 1 << 20));
    for path in [
        "target=x86_64/env/usr",
        "native",
        "objects",
        "tmp",
        "scratch",
    ] {
        assert!(base.path().join(path).join("precious").exists(), "{path}");
    }
    fs::remove_dir_all(base.path().join("floe")).unwrap();
    // Somebody else's "floe".
    fs::create_dir_all(base.path().join("floe/tmp")).unwrap();
    fs::write(base.path().join("floe/tmp/thesis"), "x").unwrap();
    let refused = |why: &str| {
        let error = Store::open(base.path(), options(1 << 20)).unwrap_err();
        assert!(matches!(error, OpenError::NotOurs { .. }), "{why}: {error}");
        assert!(error.to_string().contains("-b"), "{error}");
    };
    refused("no marker");
    fs::write(base.path().join("floe/FLOE-STORE"), "my notes about floe").unwrap();
    refused("no marker of ours");
    fs::write(base.path().join("floe/FLOE-STORE"), "floe store 99\n").unwrap();
    let error = Store::open(base.path(), options(1 << 20)).unwrap_err();
    assert!(
        matches!(error, OpenError::Newer { version: 99, .. }),
        "{error}"
    );
    assert!(base.path().join("floe/tmp/thesis").exists());
    assert_eq!(fs::read_dir(base.path().join("floe")).unwrap().count(), 2);
    fs::remove_dir_all(base.path().join("floe")).unwrap();
    fs::write(base.path().join("floe"), "a file").unwrap();
    refused("a file");
}

#[test]
fn what_has_no_name_of_ours_stays_within_our_directory_too() {
    let base = tempfile::tempdir().unwrap();
    drop(open(base.path(), 1 << 20));
    let strange = ["objects/README", "trees/mine", "records/x", "note"];
    for name in strange {
        fs::write(base.path().join("floe").join(name), "x").unwrap();
    }
    let (_store, found) = open_found(base.path(), 1 << 20);
    assert_eq!(found.foreign.len(), 3, "{found:?}");
    for name in strange {
        assert!(base.path().join("floe").join(name).exists());
    }
}

#[test]
fn a_directory_that_others_may_write_is_refused() {
    let base = tempfile::tempdir().unwrap();
    drop(open(base.path(), 1 << 20));
    let floe = base.path().join("floe");
    fs::set_permissions(&floe, fs::Permissions::from_mode(0o777)).unwrap();
    let error = Store::open(base.path(), options(1 << 20)).unwrap_err();
    assert!(matches!(error, OpenError::Exposed { .. }), "{error}");
}

#[test]
fn scratch_of_dead_jobs_is_cleared_away() {
    let base = tempfile::tempdir().unwrap();
    let store = open(base.path(), 1 << 20);
    let scratch = store.scratch();
    let tree = build(&store, 4).unwrap().root().to_path_buf();
    fs::create_dir_all(tree.join("tmp/job/deep")).unwrap();
    fs::write(tree.join("tmp/job/deep/file"), "x").unwrap();
    drop(store);
    fs::create_dir_all(scratch.join("7/deep")).unwrap();
    fs::write(scratch.join("7/deep/file"), "x").unwrap();
    fs::set_permissions(scratch.join("7"), fs::Permissions::from_mode(0o000)).unwrap();
    let store = open(base.path(), 1 << 20);
    assert_eq!(fs::read_dir(store.scratch()).unwrap().count(), 0);
    is_whole(&tree, 4).unwrap();
    assert_eq!(store.usage().trees, 1);
}

fn exposed(base: &Path) -> String {
    match Store::open(base, options(1 << 20)) {
        Err(error @ OpenError::Exposed { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_way_that_others_may_change_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let rights = |name: &str, mode| {
        fs::create_dir_all(at(name)).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    rights("open", 0o777);
    rights("many", 0o1777);
    rights("group", 0o775);
    fs::create_dir(at("many/own")).unwrap();
    for base in ["open", "open/base", "group", "many/../open/base"] {
        let text = exposed(&at(base));
        assert!(text.contains("may be written"), "{base}: {text}");
    }
    assert_eq!(fs::read_dir(at("open")).unwrap().count(), 0);
    symlink(at("many/own"), at("link")).unwrap();
    symlink(at("many"), at("way")).unwrap();
    symlink(at("open"), at("lure")).unwrap();
    assert!(exposed(&at("link")).contains("symbolic link"));
    assert!(exposed(&at("lure/base")).contains("/open may be"));
    // Our own links on the way are followed, and in a sticky directory nobody touches what is ours.
    drop(open(&at("way/own"), 1 << 20));
    drop(open(&at("many"), 1 << 20));
    drop(open(&at("new/and/deep"), 1 << 20));
    // A link in the place of our own directory.
    fs::rename(at("many/floe"), at("elsewhere")).unwrap();
    symlink(at("elsewhere"), at("many/floe")).unwrap();
    assert!(exposed(&at("many")).contains("symbolic link"));
}

#[test]
fn what_belongs_to_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: other users' directories: that needs root");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("theirs/base")).unwrap();
    symlink(place.path(), at("way")).unwrap();
    lchown(at("theirs"), Some(4242), None).unwrap();
    lchown(at("way"), Some(4242), None).unwrap();
    for base in ["theirs", "theirs/base", "way/base"] {
        let text = exposed(&at(base));
        assert!(text.contains("another user"), "{base}: {text}");
    }
    // It may be the daemon's user.
    let base = Base::open(&at("theirs/base"), 4242).unwrap();
    base.give_to(4242, 4243).unwrap();
    let meta = fs::metadata(base.path()).unwrap();
    assert_eq!((meta.uid(), meta.gid()), (4242, 4243));
}
