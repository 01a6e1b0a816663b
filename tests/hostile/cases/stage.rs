//! Where the attacks play: a toolchain with them in it, secrets beside it, and a sandbox for each
//! set of walls.

use std::cell::RefCell;
use std::ffi::CString;
use std::fs;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat};
use sandbox::{
    Ended, Files, Findings, Job, Limits, Protection, Rung, Running, Scratch, Unavailable, View,
    Wall, Zygote, ZygoteClient, privileges,
};
use tempfile::TempDir;

const NOBODY: (u32, u32) = (65534, 65534);
const SOURCES: [&str; 6] = ["main", "files", "network", "processes", "kernel", "bombs"];
/// Names under which the attacks pass for compilers.
pub(crate) const AS_COMPILERS: [&str; 3] = ["flood", "swap", "endless"];

pub(crate) struct Stage {
    pub(crate) base: TempDir,
    pub(crate) was_root: bool,
    zygotes: RefCell<Vec<(Protection, Rung, Zygote)>>,
    /// A process of the same user's outside.
    bystander: Child,
    /// Open for all that is started here, as descriptors of a careless program's would be.
    _leak: OwnedFd,
}

/// What a finished job left.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) ended: Ended,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) files: Files,
}

/// A job and the ends of its streams.
pub(crate) struct Play {
    pub(crate) running: Running,
    pub(crate) output: std::io::PipeReader,
    pub(crate) errors: std::io::PipeReader,
    /// Its scratch directory, if that is on disk.
    pub(crate) place: Option<PathBuf>,
}

/// How a program is to be run.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) protection: Protection,
    pub(crate) rung: Rung,
    pub(crate) limits: Limits,
}

impl Setting {
    pub(crate) fn new(protection: Protection) -> Self {
        Self {
            protection,
            rung: Rung::Namespaces,
            limits: Limits::default(),
        }
    }
}

/// Rungs and walls that only root can start with, before it stops being root.
const AS_ROOT: [(Rung, Protection); 5] = [
    (Rung::Chroot, Protection::full()),
    (Rung::RootNamespaces, Protection::full()),
    (
        Rung::RootNamespaces,
        Protection::full().without(Wall::NoSuid),
    ),
    (
        Rung::RootNamespaces,
        Protection::full().without(Wall::NoNewPrivileges),
    ),
    (
        Rung::RootNamespaces,
        Protection::full()
            .without(Wall::NoSuid)
            .without(Wall::NoNewPrivileges),
    ),
];

impl Stage {
    pub(crate) fn new() -> Result<Self, Unavailable> {
        // Not in /tmp, which is the job's own even when it sees the host's files.
        let base = tempfile::Builder::new()
            .prefix("floe-hostile-")
            .tempdir_in("/var/tmp")
            .unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let leak = rustix::fs::open("/etc/hostname", OFlags::RDONLY, Mode::empty()).unwrap();
        plant(base.path());
        let was_root = privileges::is_root();
        let mut zygotes = Vec::new();
        if was_root {
            let given = Command::new("chown")
                .args(["-R", "65534:65534"])
                .arg(base.path())
                .status();
            assert!(given.unwrap().success());
            plant_as_root(&base.path().join("toolchain"));
            for (rung, protection) in AS_ROOT {
                let zygote = Zygote::start_with(protection, &[rung], Some(NOBODY))?;
                zygotes.push((protection, rung, zygote));
            }
            privileges::drop_to("nobody", NOBODY).unwrap();
        }
        let zygote = Zygote::start_with(Protection::full(), &[Rung::Namespaces], None)?;
        zygotes.push((Protection::full(), Rung::Namespaces, zygote));
        Ok(Self {
            base,
            was_root,
            zygotes: RefCell::new(zygotes),
            bystander: Command::new("sleep")
                .arg("1000")
                .stdin(Stdio::null())
                .spawn()
                .unwrap(),
            _leak: leak,
        })
    }

    pub(crate) fn bystander(&self) -> String {
        self.bystander.id().to_string()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.base.path().join("toolchain")
    }

    /// A file of the host's.
    pub(crate) fn secret(&self) -> String {
        self.base.path().join("secret").to_str().unwrap().to_owned()
    }

    pub(crate) fn client(&self, protection: Protection, rung: Rung) -> ZygoteClient {
        let mut zygotes = self.zygotes.borrow_mut();
        let known = zygotes
            .iter()
            .find(|(walls, at, _)| (*walls, *at) == (protection, rung));
        if let Some((_, _, zygote)) = known {
            return zygote.client();
        }
        let zygote = Zygote::start_with(protection, &[rung], None).unwrap();
        let client = zygote.client();
        zygotes.push((protection, rung, zygote));
        client
    }

    /// The processes that the helper of this kind has now: the first of each job.
    pub(crate) fn jobs(&self, protection: Protection, rung: Rung) -> Vec<String> {
        self.client(protection, rung);
        let zygotes = self.zygotes.borrow();
        let known = zygotes
            .iter()
            .find(|(walls, at, _)| (*walls, *at) == (protection, rung));
        let keeper = known.unwrap().2.pid().to_string();
        let helpers = children(&keeper);
        helpers.iter().flat_map(|helper| children(helper)).collect()
    }

    pub(crate) fn findings(&self) -> Findings {
        self.zygotes.borrow()[0].2.findings().clone()
    }

    /// Where a program of the toolchain is for a job behind these walls.
    pub(crate) fn program(&self, setting: Setting, path: &str) -> String {
        let is_inside = setting.protection.has(Wall::Root) && setting.rung.takes_any_toolchain();
        if is_inside {
            path.to_owned()
        } else {
            format!("{}{path}", self.root().display())
        }
    }

    /// Starts one of the attacks.
    pub(crate) fn start(&self, setting: Setting, words: &[&str]) -> Play {
        let program = self.program(setting, "/bin/attack");
        let mut line = vec![program.as_str()];
        line.extend(words);
        self.start_program(setting, &line, b"")
    }

    pub(crate) fn attack(&self, setting: Setting, words: &[&str]) -> Report {
        self.start(setting, words).finish()
    }

    /// Starts any program; `input` must fit a pipe.
    pub(crate) fn start_program(&self, setting: Setting, line: &[&str], input: &[u8]) -> Play {
        // First: a helper that inherits descriptors must not inherit these.
        let client = self.client(setting.protection, setting.rung);
        let (stdin, mut writer) = std::io::pipe().unwrap();
        let (output, stdout) = std::io::pipe().unwrap();
        let (errors, stderr) = std::io::pipe().unwrap();
        let view = if setting.rung.takes_any_toolchain() {
            View::Toolchain(self.root())
        } else {
            View::Installed(
                [self.root().join("bin")]
                    .into_iter()
                    .chain(["/usr", "/lib", "/lib64"].map(PathBuf::from))
                    .collect(),
            )
        };
        let scratch = match setting.rung {
            Rung::Namespaces | Rung::RootNamespaces => Scratch::Memory {
                bytes: 8 << 20,
                files: 64,
                directories: Vec::new(),
            },
            Rung::Chroot => Scratch::Directory(self.directory_in(&self.root().join("tmp"))),
            Rung::Installed => Scratch::Directory(self.directory_in(self.base.path())),
        };
        let directory = scratch.inside(&view);
        let temporary = CString::new(format!("TMPDIR={}", directory.display())).unwrap();
        let job = Job {
            directory,
            view,
            scratch,
            arguments: line
                .iter()
                .map(|word| CString::new(*word).unwrap())
                .collect(),
            environment: vec![c"PATH=/usr/bin".into(), temporary],
            stdin: OwnedFd::from(stdin),
            stdout: OwnedFd::from(stdout),
            stderr: OwnedFd::from(stderr),
            limits: setting.limits,
        };
        let place = match &job.scratch {
            Scratch::Directory(path) => Some(path.clone()),
            Scratch::Memory { .. } => None,
        };
        let running = client.spawn(&job).unwrap();
        drop(job);
        std::io::Write::write_all(&mut writer, input).unwrap();
        Play {
            running,
            output,
            errors,
            place,
        }
    }

    /// It goes with the stage.
    fn directory_in(&self, parent: &Path) -> PathBuf {
        tempfile::tempdir_in(parent).unwrap().keep()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _gone = self.bystander.kill();
        let _gone = self.bystander.wait();
    }
}

impl Play {
    pub(crate) fn finish(mut self) -> Report {
        let (stdout, stderr) = thread::scope(|scope| {
            let stderr = scope.spawn(|| text(&mut self.errors));
            (text(&mut self.output), stderr.join().unwrap())
        });
        let outcome = self.running.wait().unwrap();
        Report {
            ended: outcome.ended,
            stdout,
            stderr,
            files: outcome.files,
        }
    }
}

pub(crate) fn children(pid: &str) -> Vec<String> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    list.unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

fn text(pipe: &mut std::io::PipeReader) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn plant(base: &Path) {
    let root = base.join("toolchain");
    for directory in ["tmp", "proc", "dev", "usr/bin", "bin", "etc", "lib", "evil"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for file in ["dev/null", "dev/zero", "dev/urandom", "etc/victim"] {
        fs::write(root.join(file), "").unwrap();
    }
    fs::write(base.join("secret"), "a secret of the host's").unwrap();
    fs::write(base.join("victim"), "").unwrap();
    symlink(base.join("secret"), root.join("etc/leak")).unwrap();
    symlink("../../secret", root.join("etc/up")).unwrap();

    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks");
    let attack = root.join("bin/attack");
    let files = SOURCES.map(|name| sources.join(name).with_extension("c"));
    compile(&["-static", "-O1"], &files, &attack);
    compile(
        &["-shared", "-fPIC"],
        &[sources.join("plugin.c")],
        &root.join("evil/plugin.so"),
    );
    for name in AS_COMPILERS {
        fs::hard_link(&attack, root.join("usr/bin").join(name)).unwrap();
    }
    // What `gcc -B/evil/` takes for its assembler.
    fs::write(root.join("evil/as"), "").unwrap();
    fs::copy(&attack, root.join("evil/as")).unwrap();
    crate::compilers::plant(&root);
}

fn compile(flags: &[&str], sources: &[PathBuf], to: &Path) {
    let status = Command::new("gcc")
        .args(flags)
        .args(sources)
        .arg("-o")
        .arg(to)
        .status();
    assert!(status.unwrap().success(), "{sources:?}");
}

/// What an archive from another host must not bring, and what could only be unpacked by root.
fn plant_as_root(root: &Path) {
    let program = root.join("bin/root");
    fs::copy(root.join("bin/attack"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    // /dev/full: gives zero bytes to readers, so reading it proves what it is.
    let device = root.join("dev/leak");
    mknodat(
        CWD,
        &device,
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o666),
        makedev(1, 7),
    )
    .unwrap();
    fs::set_permissions(&device, fs::Permissions::from_mode(0o666)).unwrap();
}
