//! How a program is started on a host.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::host::Host;
use crate::process::{Output, Process};

/// A program about to be started on a host, with a clean environment of `PATH`, `HOME`, `LC_ALL`
/// and what the host adds.
#[derive(Clone)]
pub struct Launch {
    host: Host,
    program: OsString,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    user: Option<(u32, u32)>,
    log: Option<String>,
}

impl Launch {
    pub(crate) fn new(host: &Host, program: &OsStr) -> Self {
        Self {
            host: host.clone(),
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: host.environment(),
            directory: None,
            user: None,
            log: None,
        }
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        for (name, value) in variables {
            self = self.env(name, value);
        }
        self
    }

    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.remove(name.as_ref());
        self
    }

    /// The working directory, as the host sees it. Default: the host's home.
    pub fn dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// The user and group to run as; only a namespace host can do that.
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.user = Some((uid, gid));
        self
    }

    /// The stem of the two files that receive its output, below [`Host::logs`]; the same name
    /// again appends. Default: numbered.
    pub fn log(mut self, stem: &str) -> Self {
        self.log = Some(stem.to_owned());
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<Process> {
        let inner = &self.host.inner;
        let name = self.name();
        let stem = self.log.clone().unwrap_or_else(|| {
            format!(
                "{:03}-{name}",
                inner.started.fetch_add(1, Ordering::Relaxed)
            )
        });
        let stdout = self.host.logs().join(format!("{stem}.out"));
        let stderr = self.host.logs().join(format!("{stem}.err"));
        let open = |path: &Path| {
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("cannot write {}", path.display()))
        };
        let mut command = self.command();
        command
            .stdin(Stdio::null())
            .stdout(open(&stdout)?)
            .stderr(open(&stderr)?)
            .process_group(0);
        let child = inner
            .enter(move || Ok(command.spawn()?))
            .with_context(|| format!("cannot start {name} on {}", self.host.name()))?;
        Ok(Process {
            child,
            name,
            stdout,
            stderr,
            status: None,
            detached: false,
        })
    }

    /// Starts it, waits for its end at most `limit` and hands out what it printed.
    pub fn run(self, limit: Duration) -> Result<Output> {
        let name = self.name();
        let process = self.start()?;
        let files = [process.stdout.clone(), process.stderr.clone()];
        let output = process
            .output(limit)
            .with_context(|| format!("running {name}"));
        for file in files {
            let _ = fs::remove_file(file);
        }
        output
    }

    /// Runs it with this process's own standard streams.
    pub fn interactive(self) -> Result<ExitStatus> {
        let mut command = self.command();
        let mut child = self.host.inner.enter(move || Ok(command.spawn()?))?;
        Ok(child.wait()?)
    }

    fn name(&self) -> String {
        let base = Path::new(&self.program)
            .file_name()
            .unwrap_or(&self.program);
        base.to_string_lossy().into_owned()
    }

    fn command(&self) -> Command {
        let home = self.host.home();
        let directory = self.directory.as_deref().unwrap_or(&home);
        let mut words: Vec<OsString> = Vec::new();
        let mut push = |word: &dyn AsRef<OsStr>| words.push(word.as_ref().to_owned());
        if let Some(namespace) = self.host.inner.mount_namespace() {
            if let Some(door) = self.host.inner.cgroup_door() {
                // `$0` is the door; the shell joins the cgroup before it becomes the rest.
                for word in ["sh", "-c", "echo 0 >\"$0\" && exec \"$@\""] {
                    push(&word);
                }
                push(&door);
            }
            push(&"nsenter");
            let mut mount = OsString::from("--mount=");
            mount.push(namespace);
            push(&mount);
            // Whoever starts the tests in the background ignores interrupts, and we would inherit that.
            for word in ["--", "env", "--default-signal=INT,QUIT"] {
                push(&word);
            }
            let mut chdir = OsString::from("--chdir=");
            chdir.push(directory);
            push(&chdir);
            if let Some((uid, gid)) = self.user {
                push(&"setpriv");
                push(&format!("--reuid={uid}"));
                push(&format!("--regid={gid}"));
                push(&"--clear-groups");
            }
        }
        push(&self.program);
        words.extend(self.arguments.iter().cloned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(&self.environment);
        if self.host.inner.mount_namespace().is_none() {
            command.current_dir(directory);
        }
        command
    }
}
