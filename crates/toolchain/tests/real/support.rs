//! What the tests share: trees unpacked from archives, and programs run inside them.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use job::{EnvironmentName, Platform};
use toolchain::{Archive, Compiler, Compression, Installed, Lease, collect, pack};

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether `program` is there; says what is skipped if not.
pub(crate) fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .chain([PathBuf::from("/usr/sbin")])
        .any(|dir| dir.join(program).exists());
    if !found {
        println!("SKIPPED: {program} is not installed");
    }
    found
}

pub(crate) fn archive(compiler: &str, compression: Compression, dir: &Path) -> Archive {
    let compiler = Compiler::probe(Path::new(compiler)).unwrap();
    pack(&collect(&compiler, &[]).unwrap(), compression, dir).unwrap()
}

/// A store with one toolchain in use.
pub(crate) struct Tree {
    pub(crate) lease: Lease,
    _base: tempfile::TempDir,
}

impl Tree {
    pub(crate) fn of(archive: &Path) -> Self {
        let base = tempfile::tempdir().unwrap();
        let (store, _) = Installed::open(base.path(), 1 << 30).unwrap();
        let (platform, name) = (
            Platform::parse("x86_64").unwrap(),
            EnvironmentName::parse("tested").unwrap(),
        );
        let mut installing = store.begin_install(platform.clone(), name.clone()).unwrap();
        installing
            .unpack(std::fs::File::open(archive).unwrap())
            .unwrap();
        installing.commit().unwrap();
        Self {
            lease: store.lease(&platform, &name).unwrap(),
            _base: base,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.lease.root
    }

    /// Runs a program of the tree with nothing but `environment`.
    pub(crate) fn run<A: AsRef<OsStr>>(
        &self,
        args: &[A],
        environment: &[(&str, &str)],
        input: &[u8],
    ) -> Output {
        let mut command = Command::new("/usr/sbin/chroot");
        command
            .arg(self.root())
            .args(args)
            .env_clear()
            .envs(environment.iter().copied());
        feed(&mut command, input)
    }
}

/// Runs a command with `input`.
pub(crate) fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}
