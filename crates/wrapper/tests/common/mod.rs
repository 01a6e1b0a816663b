//! A place for wrappers and an agent of their own, away from the user's.
#![allow(dead_code, reason = "every test program uses another part of it")]
#![allow(
    clippy::unwrap_used,
    reason = "it is test code, which clippy cannot see here"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use handover::{AgentStatus, Answer, Ask, Reply, Request, RuntimeDir, StatusQuery, frame, meet};
use job::{JobRecord, Reason};

/// No step of a test takes longer unless something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The wrapper under test.
pub(crate) const ICECC: &str = env!("CARGO_BIN_EXE_icecc");

/// Directories, environment and programs of one test.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for name in ["bin", "work"] {
            fs::create_dir(place.at(name)).unwrap();
        }
        // Each start leaves a line, so that agents can be counted.
        place.program(
            "bin/floe",
            &format!(
                "#!/bin/sh\necho $$ >> {}\nexec {} \"$@\"\n",
                place.at("starts").display(),
                agent_program().display()
            ),
        );
        place
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes an executable file.
    pub(crate) fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The wrapper, to be run in the work directory. No daemon answers unless a test names one.
    pub(crate) fn wrapper(&self, arguments: &[&str]) -> Command {
        self.command(Path::new(ICECC), arguments)
    }

    pub(crate) fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.at("work"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.at("home"))
            .env("FLOE_RUNTIME_DIR", self.at("run"))
            .env("FLOE_STATE_DIR", self.at("state"))
            .env("FLOE_CACHE_DIR", self.at("cache"))
            .env("FLOE_PROGRAM", self.at("bin/floe"))
            .env("FLOE_AGENT_IDLE", "2")
            .env("ICECC_TEST_SOCKET", self.at("no-daemon"));
        command
    }

    /// How many agents were started so far.
    pub(crate) fn starts(&self) -> usize {
        fs::read_to_string(self.at("starts"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// What the agent says of itself; `None` when none is running. Its log is complete then.
    pub(crate) fn status(&self) -> Option<AgentStatus> {
        let dir = RuntimeDir::at(self.at("run")).ok()?;
        let mut stream = meet::connect(&dir).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let ask = Request {
            ask: Some(Ask::Status(StatusQuery {})),
        };
        frame::write(&mut stream, &ask).ok()?;
        match frame::read::<Reply>(&mut stream).ok()?.answer? {
            Answer::Status(status) => Some(status),
            other => panic!("{other:?}"),
        }
    }

    /// The job log, oldest first.
    pub(crate) fn records(&self) -> Vec<JobRecord> {
        let _complete = self.status();
        let mut records = handover::log::read_newest_first(&self.at("state")).unwrap();
        records.reverse();
        records
    }

    pub(crate) fn reasons(&self) -> Vec<Reason> {
        self.records()
            .iter()
            .map(|record| record.reason())
            .collect()
    }

    pub(crate) fn kill_agent(&self) {
        let status = self.status().expect("an agent is running");
        let pid = rustix::process::Pid::from_raw(status.pid.cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(status) = self.status()
            && let Some(pid) = rustix::process::Pid::from_raw(status.pid.cast_signed())
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

/// `examples/agent.rs`, built beside the tests.
fn agent_program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/agent")
}

/// Waits for something that must come.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Status and both outputs, for comparison.
pub(crate) fn all(output: &Output) -> (Option<i32>, String, String) {
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
