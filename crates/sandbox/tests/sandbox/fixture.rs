//! A zygote, a toolchain, and running one job to its end.

use std::ffi::CString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::thread;

use sandbox::{Job, Limits, Lost, Outcome, Running, Unavailable, Zygote, ZygoteClient, privileges};
use tempfile::TempDir;

use crate::tree;

pub struct Fixture {
    pub zygote: Zygote,
    pub client: ZygoteClient,
    pub base: TempDir,
}

/// What a finished job left.
#[derive(Debug)]
pub struct Report {
    pub outcome: Result<Outcome, Lost>,
    pub stdout: String,
    pub stderr: String,
}

impl Fixture {
    pub fn new() -> Result<Self, Unavailable> {
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
            chown(base.path(), Some(65534), Some(65534)).unwrap();
            chown(&scratch, Some(65534), Some(65534)).unwrap();
            privileges::drop_to("nobody", (65534, 65534)).unwrap();
        }
        let zygote = Zygote::start()?;
        let client = zygote.client();
        Ok(Self {
            zygote,
            client,
            base,
        })
    }

    pub fn root(&self) -> PathBuf {
        self.base.path().join("toolchain")
    }

    /// A directory of its own for one job.
    pub fn scratch(&self) -> TempDir {
        tempfile::tempdir_in(self.base.path().join("scratch")).unwrap()
    }

    /// The probe with `action`, and an end for each of its streams.
    pub fn start(&self, scratch: &Path, program: &[&str], limits: Limits) -> (Running, Streams) {
        let (job, streams) = self.job(scratch, program, limits);
        (self.client.spawn(job).unwrap(), streams)
    }

    pub fn job(&self, scratch: &Path, program: &[&str], limits: Limits) -> (Job, Streams) {
        let (stdin, input) = std::io::pipe().unwrap();
        let (output, stdout) = std::io::pipe().unwrap();
        let (errors, stderr) = std::io::pipe().unwrap();
        let job = Job {
            root: self.root(),
            scratch: scratch.to_path_buf(),
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

    pub fn run(&self, program: &[&str], limits: Limits, input: &[u8]) -> Report {
        let scratch = self.scratch();
        self.run_in(scratch.path(), program, limits, input)
    }

    pub fn run_in(&self, scratch: &Path, program: &[&str], limits: Limits, input: &[u8]) -> Report {
        let (running, streams) = self.start(scratch, program, limits);
        finish(&running, streams, input)
    }

    /// The probe, without limits and input.
    pub fn probe(&self, action: &[&str]) -> Report {
        self.limited(action, Limits::default())
    }

    pub fn limited(&self, action: &[&str], limits: Limits) -> Report {
        let program: Vec<&str> = [tree::PROBE, "--inside"]
            .iter()
            .chain(action)
            .copied()
            .collect();
        self.run(&program, limits, b"")
    }
}

pub struct Streams {
    pub input: std::io::PipeWriter,
    pub output: std::io::PipeReader,
    pub errors: std::io::PipeReader,
}

pub fn finish(running: &Running, streams: Streams, input: &[u8]) -> Report {
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
