//! A zygote, a toolchain, and running one job to its end.

use std::ffi::CString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use sandbox::{
    Job, Limits, Lost, Outcome, Running, Scratch, Unavailable, View, Zygote, ZygoteClient,
    privileges,
};
use tempfile::TempDir;

use crate::tree;

pub(crate) struct Fixture {
    /// Dropping it would end the helper.
    _zygote: Zygote,
    pub(crate) client: ZygoteClient,
    pub(crate) base: TempDir,
}

/// What a finished job left.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Result<Outcome, Lost>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Fixture {
    pub(crate) fn new() -> Result<Self, Unavailable> {
        let base = tempfile::Builder::new()
            .prefix("floe-sandbox-")
            .tempdir()
            .unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = base.path().join("toolchain");
        let scratch = base.path().join("scratch");
        fs::create_dir(&scratch).unwrap();
        tree::plant(&root).unwrap();
        if privileges::is_root() {
            // All of it, so that it can be removed afterwards.
            let given = Command::new("chown")
                .args(["-R", "65534:65534"])
                .arg(base.path())
                .status();
            assert!(given.unwrap().success());
            privileges::drop_to("nobody", (65534, 65534)).unwrap();
        }
        let zygote = Zygote::start()?;
        let client = zygote.client();
        Ok(Self {
            _zygote: zygote,
            client,
            base,
        })
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.base.path().join("toolchain")
    }

    /// A directory of its own for one job.
    pub(crate) fn scratch(&self) -> TempDir {
        tempfile::tempdir_in(self.base.path().join("scratch")).unwrap()
    }

    /// The probe with `action`, and an end for each of its streams.
    pub(crate) fn start(
        &self,
        scratch: &Path,
        program: &[&str],
        limits: Limits,
    ) -> (Running, Streams) {
        let (job, streams) = self.job(scratch, program, limits);
        (self.client.spawn(&job).unwrap(), streams)
    }

    pub(crate) fn job(&self, scratch: &Path, program: &[&str], limits: Limits) -> (Job, Streams) {
        let (stdin, input) = std::io::pipe().unwrap();
        let (output, stdout) = std::io::pipe().unwrap();
        let (errors, stderr) = std::io::pipe().unwrap();
        let job = Job {
            view: View::Toolchain(self.root()),
            scratch: Scratch::Directory(scratch.to_path_buf()),
            arguments: program
                .iter()
                .map(|word| CString::new(*word).unwrap())
                .collect(),
            environment: vec![c"PATH=/usr/bin".into()],
            directory: PathBuf::from("/tmp"),
            stdin: OwnedFd::from(stdin),
            stdout: OwnedFd::from(stdout),
            stderr: OwnedFd::from(stderr),
            limits,
        };
        (
            job,
            Streams {
                input,
                output,
                errors,
            },
        )
    }

    pub(crate) fn run(&self, program: &[&str], limits: Limits, input: &[u8]) -> Report {
        let scratch = self.scratch();
        self.run_in(scratch.path(), program, limits, input)
    }

    pub(crate) fn run_in(
        &self,
        scratch: &Path,
        program: &[&str],
        limits: Limits,
        input: &[u8],
    ) -> Report {
        let (running, streams) = self.start(scratch, program, limits);
        finish(&running, streams, input)
    }

    /// The probe, without limits and input.
    pub(crate) fn probe(&self, action: &[&str]) -> Report {
        self.limited(action, Limits::default())
    }

    pub(crate) fn limited(&self, action: &[&str], limits: Limits) -> Report {
        let program: Vec<&str> = [tree::PROBE, "--inside"]
            .iter()
            .chain(action)
            .copied()
            .collect();
        self.run(&program, limits, b"")
    }
}

pub(crate) struct Streams {
    pub(crate) input: std::io::PipeWriter,
    pub(crate) output: std::io::PipeReader,
    pub(crate) errors: std::io::PipeReader,
}

pub(crate) fn finish(running: &Running, streams: Streams, input: &[u8]) -> Report {
    let Streams {
        input: mut writer,
        mut output,
        mut errors,
    } = streams;
    let (stdout, stderr) = thread::scope(|scope| {
        // A program that ends early closes its input; that is no failure here.
        scope.spawn(move || drop(writer.write_all(input)));
        let stderr = scope.spawn(move || text(&mut errors));
        (text(&mut output), stderr.join().unwrap())
    });
    Report {
        outcome: running.wait(),
        stdout,
        stderr,
    }
}

fn text(pipe: &mut std::io::PipeReader) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
