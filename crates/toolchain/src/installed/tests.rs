use super::*;
use crate::compression::Compression;

fn platform() -> Platform {
    Platform::parse("x86_64").unwrap()
}

fn name(text: &str) -> EnvironmentName {
    EnvironmentName::parse(text).unwrap()
}

/// An archive that counts as a toolchain, of `bytes` bytes.
fn archive(bytes: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(bytes as u64);
    builder
        .append_data(&mut header, "usr/bin/as", &vec![7; bytes][..])
        .unwrap();
    Compression::Gzip
        .compress(builder.into_inner().unwrap())
        .unwrap()
}

fn install(store: &Installed, called: &str, bytes: usize) -> Vec<Key> {
    let mut installing = store.begin_install(platform(), name(called)).unwrap();
    installing.unpack(&archive(bytes)[..]).unwrap();
    installing.commit().unwrap()
}

fn names(store: &Installed) -> Vec<String> {
    store
        .list()
        .into_iter()
        .map(|(_, name)| name.to_string())
        .collect()
}

#[test]
fn what_was_installed_is_there_after_a_restart_and_foreign_things_are_untouched() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("target=x86_64");
    std::fs::create_dir_all(dir.join("somebody")).unwrap();
    std::fs::write(base.path().join("letter"), "dear").unwrap();
    let (store, found) = Installed::open(base.path(), 1 << 30).unwrap();
    assert_eq!(found.foreign, [dir.join("somebody")]);
    install(&store, "one", 100);
    assert!(matches!(
        store
            .begin_install(platform(), name("somebody"))
            .unwrap_err(),
        InstallError::Foreign { .. }
    ));
    assert!(matches!(
        store.begin_install(platform(), name("one")).unwrap_err(),
        InstallError::Present(_)
    ));
    assert!(matches!(
        Installed::open(base.path(), 1).unwrap_err(),
        OpenError::InUse { .. }
    ));
    drop(store);
    let (store, found) = Installed::open(base.path(), 1 << 30).unwrap();
    assert_eq!(
        (names(&store), store.bytes(), found.swept),
        (vec!["one".to_owned()], 100, Vec::new())
    );
    let lease = store.lease(&platform(), &name("one")).unwrap();
    assert_eq!(lease.root, dir.join("one"));
    assert!(lease.root.join("tmp").is_dir() && lease.root.join("dev/null").is_file());
    assert!(store.remove(&platform(), &name("one")));
    assert!(!store.remove(&platform(), &name("one")));
    assert!(store.lease(&platform(), &name("one")).is_none());
    assert!(lease.root.exists(), "in use");
    drop(lease);
    assert!(!dir.join("one").exists());
    assert_eq!(
        std::fs::read_to_string(base.path().join("letter")).unwrap(),
        "dear"
    );
    assert!(dir.join("somebody").exists());
}

#[test]
fn the_least_recently_used_goes_first_and_never_what_is_in_use_or_new() {
    let base = tempfile::tempdir().unwrap();
    let (store, _) = Installed::open(base.path(), 250).unwrap();
    assert!(install(&store, "a", 100).is_empty());
    assert!(install(&store, "b", 100).is_empty());
    drop(store.lease(&platform(), &name("a")).unwrap());
    assert_eq!(install(&store, "c", 100), [(platform(), name("b"))]);
    let held = store.lease(&platform(), &name("a")).unwrap();
    assert_eq!(install(&store, "d", 100), [(platform(), name("c"))]);
    // Larger than the limit by itself: accepted, everything idle goes.
    assert_eq!(install(&store, "e", 1000), [(platform(), name("d"))]);
    assert_eq!(names(&store), ["a", "e"]);
    drop(held);
    drop(store);
    // The next start obeys its own limit.
    let (store, _) = Installed::open(base.path(), 1000).unwrap();
    assert_eq!(names(&store).len(), 1);
    assert_eq!(
        std::fs::read_dir(base.path().join("target=x86_64"))
            .unwrap()
            .count(),
        2,
        "one tree and .floe"
    );
}

#[test]
fn an_aborted_or_failed_installation_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let (store, _) = Installed::open(base.path(), 1 << 30).unwrap();
    let mut installing = store.begin_install(platform(), name("x")).unwrap();
    assert!(matches!(
        store.begin_install(platform(), name("x")).unwrap_err(),
        InstallError::Busy(_)
    ));
    let whole = archive(100_000);
    assert!(installing.unpack(&whole[..whole.len() / 2]).is_err());
    drop(installing);
    let installing = store.begin_install(platform(), name("x")).unwrap();
    assert!(matches!(
        installing.commit().unwrap_err(),
        InstallError::Unusable(_)
    ));
    let mut other = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    other
        .append_data(&mut header, "usr/bin/as", &[][..])
        .unwrap();
    let mut installing = store.begin_install(platform(), name("x")).unwrap();
    installing.unpack(&other.into_inner().unwrap()[..]).unwrap();
    let error = installing.commit().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("usr/bin/as is not an executable"),
        "{error}"
    );
    assert!(names(&store).is_empty());
    assert_eq!(
        std::fs::read_dir(base.path().join("target=x86_64"))
            .unwrap()
            .count(),
        1,
        "only .floe"
    );
    assert_eq!(
        std::fs::read_dir(base.path().join("target=x86_64/.floe"))
            .unwrap()
            .count(),
        0
    );
    install(&store, "x", 10);
}

#[test]
fn leftovers_of_a_killed_daemon_and_damaged_trees_are_swept() {
    let base = tempfile::tempdir().unwrap();
    let (store, _) = Installed::open(base.path(), 1 << 30).unwrap();
    for called in ["good", "short", "gone"] {
        install(&store, called, 1000);
    }
    drop(store);
    let dir = base.path().join("target=x86_64");
    std::fs::create_dir_all(dir.join(".installing-y-7/usr/bin")).unwrap();
    std::fs::create_dir_all(dir.join(".removing-z-9/usr")).unwrap();
    std::fs::write(dir.join("short/usr/bin/as"), "cut").unwrap();
    std::fs::remove_dir_all(dir.join("gone")).unwrap();
    let (store, found) = Installed::open(base.path(), 1 << 30).unwrap();
    assert_eq!(names(&store), ["good"]);
    assert_eq!(found.swept.len(), 3, "{found:?}");
    assert_eq!(std::fs::read_dir(dir.join(".floe")).unwrap().count(), 1);
    install(&store, "gone", 10);
}

#[test]
fn an_unusable_base_directory_is_named() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Installed::open(&file, 1).unwrap_err().to_string();
    assert!(
        error.contains(&file.display().to_string()) && error.contains("-b"),
        "{error}"
    );
}
