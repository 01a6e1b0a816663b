//! A full disk, and a daemon that is killed while it installs.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use job::{EnvironmentName, Platform};
use toolchain::{
    Compiler, Compression, Installed, NativeCache, NativeError, PackError, collect, pack,
};

use crate::support::{archive, is_root};

struct Tmpfs(PathBuf);

impl Tmpfs {
    fn new(dir: &Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(dir)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(dir.to_path_buf()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn small_disk() -> Option<(tempfile::TempDir, Tmpfs)> {
    let dir = tempfile::tempdir().unwrap();
    let disk = is_root().then(|| Tmpfs::new(dir.path(), "2m")).flatten();
    if disk.is_none() {
        println!("SKIPPED: a tmpfs cannot be mounted here");
    }
    Some((dir, disk?))
}

fn names() -> (Platform, EnvironmentName) {
    (
        Platform::parse("x86_64").unwrap(),
        EnvironmentName::parse("killed").unwrap(),
    )
}

#[test]
fn a_full_disk_is_named_and_nothing_is_left_on_it() {
    let Some((dir, _disk)) = small_disk() else {
        return;
    };
    let compiler = Compiler::probe(Path::new("/usr/bin/gcc")).unwrap();
    let error = pack(
        &collect(&compiler, &[]).unwrap(),
        Compression::None,
        dir.path(),
    )
    .unwrap_err();
    assert!(matches!(error, PackError::Write { .. }), "{error}");
    assert!(error.to_string().contains("No space left"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    let cache = NativeCache::new(dir.path().join("cache"));
    let error = cache
        .get(Path::new("/usr/bin/gcc"), &[], Compression::Gzip)
        .unwrap_err();
    assert!(matches!(error, NativeError::Cache { .. }), "{error}");

    let elsewhere = tempfile::tempdir().unwrap();
    let archive = archive("/usr/bin/gcc", Compression::Zstd, elsewhere.path());
    let base = dir.path().join("envs");
    let (store, _) = Installed::open(&base, 1 << 30).unwrap();
    let (platform, name) = names();
    let mut installing = store.begin_install(platform, name).unwrap();
    let error = installing
        .unpack(std::fs::File::open(&archive.path).unwrap())
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("the disk is full") && text.contains("member "),
        "{text}"
    );
    assert!(error.is_full(), "{error}");
    drop(installing);
    assert!(store.list().is_empty());
    let left = store.store().usage();
    assert_eq!((left.objects, left.reserved), (0, 0));
}

const VICTIM: &str = "FLOE_TEST_INSTALL_INTO";
const ARCHIVE: &str = "FLOE_TEST_INSTALL_FROM";

/// Yields half of the archive, says so, and waits to be killed.
struct Half(std::io::Take<std::fs::File>, PathBuf);

impl Read for Half {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.read(buffer)?;
        if n == 0 {
            std::fs::write(&self.1, "half")?;
            std::thread::sleep(Duration::from_secs(60));
        }
        Ok(n)
    }
}

/// Not a test by itself: the daemon that the next test kills.
#[test]
fn victim() {
    let (Some(base), Some(path)) = (std::env::var_os(VICTIM), std::env::var_os(ARCHIVE)) else {
        return;
    };
    let file = std::fs::File::open(path).unwrap();
    let half = file.metadata().unwrap().len() / 2;
    let sign = Path::new(&base).join("sign");
    let (store, _) = Installed::open(Path::new(&base), 1 << 30).unwrap();
    let (platform, name) = names();
    let mut installing = store.begin_install(platform, name).unwrap();
    let _ = installing.unpack(Half(file.take(half), sign));
}

#[test]
fn a_daemon_killed_while_it_installs_leaves_a_usable_store() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive("/usr/bin/gcc", Compression::Zstd, dir.path());
    let base = dir.path().join("envs");
    std::fs::create_dir(&base).unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "disk::victim"])
        .env(VICTIM, &base)
        .env(ARCHIVE, &archive.path)
        .spawn()
        .unwrap();
    let sign = base.join("sign");
    for _ in 0..1000 {
        if sign.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(sign.exists(), "the daemon did not get so far");
    victim.kill().unwrap();
    victim.wait().unwrap();
    let (platform, name) = names();
    let (store, found) = Installed::open(&base, 1 << 30).unwrap();
    assert!(store.list().is_empty());
    assert_eq!(found.doubtful, 0, "{found:?}");
    let mut installing = store.begin_install(platform.clone(), name.clone()).unwrap();
    installing
        .unpack(std::fs::File::open(&archive.path).unwrap())
        .unwrap();
    installing.commit().unwrap();
    assert!(store.lease(&platform, &name).is_some());
}
