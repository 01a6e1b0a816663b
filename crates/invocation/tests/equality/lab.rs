//! One directory with the sources, one without them, and the two ways to an object.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use invocation::{
    Call, Execution, Files, Plan, Remote, Settings, compiler_of, executor_arguments, plan,
    preprocessed_text,
};
use job::Reason;

use crate::compare;
use crate::sources;

pub(crate) struct Lab {
    root: tempfile::TempDir,
}

pub(crate) struct Disk;

impl Files for Disk {
    fn response_file(&self, path: &Path) -> Option<Vec<u8>> {
        std::fs::read(path).ok()
    }
    fn is_readable_file(&self, path: &Path) -> bool {
        path.is_file()
    }
    fn is_not_regular(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file())
    }
    fn is_special(&self, path: &Path) -> bool {
        self.is_not_regular(path)
    }
    fn is_same(&self, one: &Path, other: &Path) -> bool {
        one == other
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let lab = Self { root };
        for (name, text) in sources::FILES {
            lab.write(name, text.as_bytes());
        }
        lab.write(sources::LATIN.0, sources::LATIN.1);
        for directory in ["out", "exec"] {
            std::fs::create_dir_all(lab.path(directory)).unwrap();
        }
        std::fs::create_dir_all(lab.root.path().join("executor/tmp")).unwrap();
        lab
    }

    /// Where the user works.
    pub(crate) fn directory(&self) -> PathBuf {
        self.root.path().join("src")
    }

    /// A path that does not exist on the submitter.
    pub(crate) fn executor(&self) -> PathBuf {
        self.root.path().join("executor/tmp")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn plan(&self, compiler: &str, arguments: &[String], settings: &Settings) -> Plan {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let directory = self.directory();
        plan(
            &Call {
                called_as: OsStr::new(compiler),
                arguments: &arguments,
                directory: &directory,
                settings,
            },
            &Disk,
        )
    }

    /// Runs the compiler as the user would.
    pub(crate) fn compile(&self, compiler: &str, arguments: &[String]) -> Output {
        Command::new(compiler)
            .args(arguments)
            .current_dir(self.directory())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The text that would be sent.
    pub(crate) fn text(&self, compiler: &str, remote: &Remote) -> Result<Vec<u8>, String> {
        if remote.preprocessed {
            let text = std::fs::read(self.directory().join(&remote.source)).unwrap();
            return Ok(preprocessed_text(
                remote.source.as_os_str(),
                &self.directory(),
                &text,
            ));
        }
        let mut command = Command::new(compiler);
        command
            .args(&remote.preprocess)
            .current_dir(self.directory())
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(messages(&output))
        }
    }

    /// What an executor makes of the text.
    pub(crate) fn execute(
        &self,
        compiler: &str,
        remote: &Remote,
        text: &[u8],
        output: &Path,
    ) -> Result<(), String> {
        let directory = self.directory();
        let arguments = executor_arguments(&Execution {
            family: remote.family,
            language: remote.language,
            arguments: &remote.compile,
            source: remote.source.as_os_str(),
            directory: directory.as_os_str(),
            output: output.as_os_str(),
            garbage_collection: None,
            dwarf_root: None,
        });
        // A cross compiler has the plain name only inside its toolchain.
        let program = if compiler.contains("mingw") {
            compiler
        } else {
            remote.family.program(remote.language)
        };
        run(program, &arguments, &self.executor(), text).map(drop)
    }
}

/// Runs an executor's compiler on `text`, with nothing of the user's environment. Gives its
/// messages.
pub(crate) fn run(
    program: &str,
    arguments: &[OsString],
    directory: &Path,
    text: &[u8],
) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A compiler that stops early closes the pipe; its status tells.
    let _ = child.stdin.take().unwrap().write_all(text);
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(messages(&output))
    } else {
        Err(messages(&output))
    }
}

pub(crate) fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr)
        .chars()
        .take(600)
        .collect()
}

/// What is expected of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The object is equal byte for byte.
    Same,
    /// It is equal but for the producer string and columns.
    SameButProducer,
    /// The command stays on this host.
    Stays(Reason),
}

pub(crate) struct Case {
    pub(crate) compiler: &'static str,
    pub(crate) settings: Settings,
    /// Options and source, blank-separated, without `-c` and `-o`.
    pub(crate) line: String,
    pub(crate) expect: Expect,
}

/// Runs all cases on two threads and reports every one that is not as expected.
pub(crate) fn check(cases: Vec<Case>) {
    let count = cases.len();
    let queue = Mutex::new(cases.into_iter().enumerate().collect::<VecDeque<_>>());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let lab = Lab::new();
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some((_, case)) = next else { break };
                    if let Err(failure) = one(&lab, &case) {
                        let mode = case.settings.remote_cpp;
                        failures.lock().unwrap().push(format!(
                            "{} {} ({mode:?}): {failure}",
                            case.compiler, case.line
                        ));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {count} cases:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn one(lab: &Lab, case: &Case) -> Result<(), String> {
    let mut arguments: Vec<String> = case
        .line
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(String::from)
        .collect();
    arguments.extend(["-Iinc", "-o", "out/x.o"].map(String::from));
    if !arguments.iter().any(|argument| argument == "-S") {
        arguments.push("-c".to_owned());
    }
    let remote = match (
        lab.plan(case.compiler, &arguments, &case.settings),
        case.expect,
    ) {
        (Plan::Local(local), Expect::Stays(reason)) if local.reason == reason => return Ok(()),
        (Plan::Local(local), _) => {
            return Err(format!("stays here: {} {}", local.reason, local.detail));
        }
        // Nothing is said here of how files travel.
        (Plan::Remote(remote), Expect::Stays(reason))
            if remote.else_stays.as_ref().map(|stays| stays.reason) == Some(reason) =>
        {
            return Ok(());
        }
        (Plan::Remote(_), Expect::Stays(reason)) => {
            return Err(format!("travels, but {reason} was expected"));
        }
        (Plan::Remote(remote), _) => remote,
    };
    let object = lab.path("out/x.o");
    let _ = std::fs::remove_file(&object);
    let plain = lab.compile(case.compiler, &arguments);
    if !plain.status.success() {
        return Err(format!("does not compile here: {}", messages(&plain)));
    }
    let sent = lab.path("exec/x.o");
    let _ = std::fs::remove_file(&sent);
    let text = lab
        .text(case.compiler, &remote)
        .map_err(|error| format!("preprocessing: {error}"))?;
    lab.execute(case.compiler, &remote, &text, &sent)
        .map_err(|error| format!("remotely: {error}"))?;
    compare::objects(&object, &sent, case.expect == Expect::SameButProducer)
}

/// Every line with its expectation, for one compiler.
pub(crate) fn cases(
    compiler: &'static str,
    settings: &Settings,
    lines: &[(&str, Expect)],
) -> Vec<Case> {
    assert!(compiler_of(OsStr::new(compiler)).is_some());
    let case = |&(line, expect): &(&str, Expect)| Case {
        compiler,
        settings: settings.clone(),
        line: line.to_owned(),
        expect,
    };
    lines.iter().map(case).collect()
}
