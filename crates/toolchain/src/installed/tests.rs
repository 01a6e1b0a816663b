use std::time::Duration;

use super::*;
use crate::compression::Compression;

fn platform() -> Platform {
    Platform::parse("x86_64").unwrap()
}

fn name(text: &str) -> EnvironmentName {
    EnvironmentName::parse(text).unwrap()
}

/// A file of `size` bytes, all of them `byte`.
struct File(&'static str, usize, u8);

fn archive(files: &[File]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for File(path, size, byte) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(*size as u64);
        let bytes = vec![*byte; *size];
        builder.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    Compression::Gzip
        .compress(builder.into_inner().unwrap())
        .unwrap()
}

/// Opens without the patience that a real executor has with toolchains it used a moment ago.
fn open(base: &Path, limit: u64) -> Installed {
    let options = Options {
        grace: Duration::ZERO,
        ..Options::new(limit)
    };
    Installed::new(Store::open(base, options).unwrap().0)
}

fn try_install(installed: &Installed, called: &str, archive: &[u8]) -> Result<(), InstallError> {
    let mut installing = installed.begin_install(platform(), name(called))?;
    installing.unpack(archive)?;
    installing.commit().map(drop)
}

/// Installs a toolchain whose assembler has `size` bytes of its own kind.
fn install(installed: &Installed, called: &str, size: usize) {
    let byte = called.as_bytes()[0];
    let files = [File("usr/bin/as", size, byte), File("lib/shared", 5000, 0)];
    try_install(installed, called, &archive(&files)).unwrap();
}

fn names(installed: &Installed) -> Vec<String> {
    let list = installed.list().into_iter();
    list.map(|(_, name)| name.to_string()).collect()
}

fn lease(installed: &Installed, called: &str) -> Option<Lease> {
    match installed.lookup(&platform(), &name(called)) {
        Presence::Ready(lease) => Some(lease),
        Presence::Unverified | Presence::Missing => None,
    }
}

#[test]
fn what_was_installed_is_there_after_a_restart_and_foreign_things_are_untouched() {
    let base = tempfile::tempdir().unwrap();
    let theirs = base.path().join("target=x86_64/one/usr/bin");
    std::fs::create_dir_all(&theirs).unwrap();
    std::fs::write(theirs.join("as"), "dear").unwrap();
    let installed = open(base.path(), 1 << 30);
    install(&installed, "one", 100);
    assert!(matches!(
        installed
            .begin_install(platform(), name("one"))
            .unwrap_err(),
        InstallError::Present(_)
    ));
    assert!(matches!(
        Installed::open(base.path(), 1).unwrap_err(),
        OpenError::InUse { .. }
    ));
    let before = installed.bytes();
    drop(installed);
    let installed = open(base.path(), 1 << 30);
    assert_eq!(
        (names(&installed), installed.bytes()),
        (vec!["one".to_owned()], before)
    );
    let held = lease(&installed, "one").unwrap();
    assert!(held.root.join("tmp").is_dir() && held.root.join("dev/null").is_file());
    assert!(installed.remove(&platform(), &name("one")));
    assert!(!installed.remove(&platform(), &name("one")));
    assert!(lease(&installed, "one").is_none());
    assert!(held.root.exists(), "in use");
    drop((held, installed));
    assert_eq!(names(&open(base.path(), 1 << 30)), [""; 0]);
    assert_eq!(std::fs::read_to_string(theirs.join("as")).unwrap(), "dear");
}

#[test]
fn the_least_recently_used_goes_first_and_never_what_is_in_use_or_new() {
    let base = tempfile::tempdir().unwrap();
    let installed = open(base.path(), 1 << 20);
    for called in ["a", "b", "c"] {
        install(&installed, called, 250_000);
    }
    drop(lease(&installed, "a").unwrap());
    install(&installed, "d", 250_000);
    assert_eq!(names(&installed), ["a", "c", "d"]);
    let held = lease(&installed, "a").unwrap();
    install(&installed, "e", 500_000);
    assert_eq!(names(&installed), ["a", "e"]);
    assert!(installed.bytes() <= 1 << 20);
    // One that cannot fit is refused, for good; what is in use stays whole.
    let error = try_install(&installed, "f", &archive(&[File("usr/bin/as", 2 << 20, 1)]));
    let error = error.unwrap_err();
    assert!(error.is_final() && !error.is_full(), "{error}");
    assert!(error.to_string().contains("raise the limit"), "{error}");
    assert_eq!(
        std::fs::read(held.root.join("usr/bin/as")).unwrap(),
        vec![b'a'; 250_000]
    );
    // The next start obeys its own limit.
    drop((held, installed));
    let installed = open(base.path(), 400_000);
    assert!(names(&installed).len() < 2);
    assert!(installed.bytes() <= 400_000);
}

#[test]
fn a_newcomer_waits_when_all_are_in_use_or_were_a_moment_ago() {
    let base = tempfile::tempdir().unwrap();
    let (installed, _) = Installed::open(base.path(), 1 << 20).unwrap();
    install(&installed, "a", 600_000);
    let other = archive(&[File("usr/bin/as", 600_000, 1)]);
    let error = try_install(&installed, "b", &other).unwrap_err();
    assert!(error.is_full() && !error.is_final(), "{error}");
    assert!(error.to_string().contains("member usr/bin/as"), "{error}");
    assert_eq!(names(&installed), ["a"]);
}

#[test]
fn names_of_one_content_are_one_tree_and_files_are_shared() {
    use std::os::unix::fs::MetadataExt as _;
    let base = tempfile::tempdir().unwrap();
    let installed = open(base.path(), 1 << 30);
    install(&installed, "one", 100_000);
    let alone = installed.bytes();
    install(&installed, "o-again", 100_000);
    install(&installed, "two", 100);
    let [one, again, two] = ["one", "o-again", "two"].map(|name| lease(&installed, name).unwrap());
    assert_eq!((&one.root, one.identity), (&again.root, again.identity));
    assert_ne!(one.identity, two.identity);
    let inode = |lease: &Lease| {
        std::fs::metadata(lease.root.join("lib/shared"))
            .unwrap()
            .ino()
    };
    assert_eq!(inode(&one), inode(&two));
    assert!(installed.bytes() - alone < 80_000, "{alone}");
    // One that does not work does so under no name.
    installed.remove(&platform(), &name("one"));
    assert_eq!(names(&installed), ["two"]);
}

#[test]
fn among_members_nobody_takes_a_name_that_is_not_its_contents() {
    let base = tempfile::tempdir().unwrap();
    let installed = open(base.path(), 1 << 30);
    let bytes = archive(&[File("usr/bin/as", 3000, 1)]);
    let path = base.path().join("a.tar");
    std::fs::write(&path, &bytes).unwrap();
    let identity = crate::list_archive(&path, Limits::default())
        .unwrap()
        .identity();
    let own = identity.environment_name().unwrap();
    let install = |called: &str, bytes: &[u8]| {
        let installing = installed.begin_install(platform(), name(called))?;
        let mut installing = installing.by_content();
        installing.unpack(bytes)?;
        installing.commit()
    };
    let other = archive(&[File("usr/bin/as", 3000, 2)]);
    for (called, bytes) in [(own.as_str(), &other), ("x", &bytes)] {
        let error = install(called, bytes).unwrap_err();
        assert!(
            matches!(&error, InstallError::Misnamed(..)) && !error.is_final(),
            "{error}"
        );
    }
    assert_eq!(names(&installed), [""; 0]);
    install(own.as_str(), &bytes).unwrap();
    assert_eq!(names(&installed), [own.as_str()]);
}

#[test]
fn an_aborted_or_failed_installation_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let installed = open(base.path(), 1 << 30);
    let empty = installed.store().usage();
    let mut installing = installed.begin_install(platform(), name("x")).unwrap();
    assert!(matches!(
        installed.begin_install(platform(), name("x")).unwrap_err(),
        InstallError::Busy(_)
    ));
    let whole = archive(&[File("usr/bin/as", 3000, 1), File("lib/x", 100_000, 2)]);
    assert!(installing.unpack(&whole[..whole.len() / 2]).is_err());
    drop(installing);
    let installing = installed.begin_install(platform(), name("x")).unwrap();
    assert!(matches!(
        installing.commit().unwrap_err(),
        InstallError::Unusable(..)
    ));
    for (files, why) in [
        (
            &[File("usr/bin/ld", 10, 1)][..],
            "usr/bin/as is not an executable",
        ),
        (
            &[File("usr/bin/as", 10, 1), File("tmp", 10, 2)],
            "something stands where the sandbox",
        ),
    ] {
        let error = try_install(&installed, "x", &archive(files)).unwrap_err();
        assert!(
            error.is_final() && error.to_string().contains(why),
            "{error}"
        );
    }
    let usage = installed.store().usage();
    // An empty file, at which devices are mounted, may stay.
    assert!(
        usage.trees == 0 && usage.objects <= 1,
        "{usage:?} {empty:?}"
    );
    assert!(names(&installed).is_empty());
    install(&installed, "x", 10);
}

#[test]
fn leftovers_of_a_killed_daemon_are_swept() {
    let base = tempfile::tempdir().unwrap();
    let installed = open(base.path(), 1 << 30);
    for called in ["good", "lost"] {
        install(&installed, called, 1000);
    }
    let gone = lease(&installed, "lost").unwrap().root;
    drop(installed);
    std::fs::create_dir_all(base.path().join("floe/tmp/7/usr/bin")).unwrap();
    std::fs::remove_dir_all(gone).unwrap();
    let installed = open(base.path(), 1 << 30);
    assert_eq!(names(&installed), ["good"]);
    assert!(!base.path().join("floe/tmp/7").exists());
    install(&installed, "lost", 10);
}

#[test]
fn after_a_new_start_of_the_machine_a_toolchain_is_read_before_it_is_used() {
    let base = tempfile::tempdir().unwrap();
    let installed = open(base.path(), 1 << 30);
    for called in ["good", "cut"] {
        install(&installed, called, 1000);
    }
    let cut = lease(&installed, "cut").unwrap().root.join("usr/bin/as");
    drop(installed);
    std::fs::write(base.path().join("floe/boot"), "another").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&cut, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&cut, "").unwrap();
    let installed = open(base.path(), 1 << 30);
    assert_eq!(names(&installed), ["cut", "good"]);
    for called in ["cut", "good"] {
        let found = installed.lookup(&platform(), &name(called));
        assert!(matches!(found, Presence::Unverified), "{found:?}");
    }
    assert!(installed.lease(&platform(), &name("good")).is_some());
    assert!(installed.lease(&platform(), &name("cut")).is_none());
    assert!(lease(&installed, "good").is_some());
    assert_eq!(names(&installed), ["good"]);
    install(&installed, "cut", 1000);
    assert_eq!(std::fs::read(cut).unwrap(), [b'c'; 1000]);
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
