//! Trials of toolchains in this host's sandbox, by a process of their own: the sandbox's helper is
//! forked from a program without threads, which the agent is not, and is needed once a compiler.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use sandbox::{Ended, Job, Limits, Outcome, Running, Scratch, Step, View, Zygote};
use toolchain::{Ran, Trial};

/// Whom a trial runs as when this user is root, who runs no foreign code.
const NOBODY: (u32, u32) = (65534, 65534);

/// A trial compile takes milliseconds; a machine may be very busy.
const PATIENCE: Duration = Duration::from_secs(30);

const LONGEST_COMPLAINT: u64 = 64 << 10;
/// Of all trials together.
const LONGEST_OUTCOME: u64 = 8 * LONGEST_COMPLAINT;

/// Starts `program`, which is floe, for the trials, and reads what it says of them.
pub(super) fn elsewhere(program: &Path, root: &Path, trials: &[Trial]) -> Result<Vec<Ran>, String> {
    let patience = PATIENCE * u32::try_from(trials.len() + 1).unwrap_or(1);
    elsewhere_within(patience, program, root, trials)
}

fn elsewhere_within(
    patience: Duration,
    program: &Path,
    root: &Path,
    trials: &[Trial],
) -> Result<Vec<Ran>, String> {
    let failed = |error: io::Error| format!("{}: {error}", program.display());
    // No pipes: they end with whoever else has them.
    let mut stdout = memory("stdout").map_err(failed)?;
    let mut stderr = memory("stderr").map_err(failed)?;
    let mut child = Command::new(program)
        .arg0("floe")
        .args(["agent", "--try-toolchain"])
        .arg(root)
        .args(trials.iter().map(|trial| trial.name))
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().map_err(failed)?)
        .stderr(stderr.try_clone().map_err(failed)?)
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let Some(status) = ended(&mut child, Instant::now() + patience).map_err(failed)? else {
        return Err(format!("the trials did not end within {patience:?}"));
    };
    if !status.success() {
        let why = said(&mut stderr).map_err(failed)?;
        let why = String::from_utf8_lossy(&why);
        return Err(why.trim().chars().take(1000).collect());
    }
    let outcome = said(&mut stdout).map_err(failed)?;
    read(&mut &outcome[..]).ok_or_else(|| "the trials' outcome is not readable".to_owned())
}

/// Waits for a child that leads a group of processes. `None`: it took too long and was killed, and
/// its group with it.
fn ended(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let pid = Pid::from_child(child);
    let readable = pidfd_open(pid, PidfdFlags::empty())
        .map_err(io::Error::from)
        .and_then(|process| until(&process, deadline));
    if matches!(readable, Ok(true)) {
        return child.wait().map(Some);
    }
    // Its number is its own until somebody waits for it.
    let _ = kill_process_group(pid, Signal::KILL);
    child.wait()?;
    readable.map(|_| None)
}

/// Whether there is something to read before the deadline.
fn until(what: &impl AsFd, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(what, PollFlags::IN)], Some(&limit)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn memory(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

/// What was written to a file of [`memory`].
fn said(file: &mut File) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(LONGEST_OUTCOME).read_to_end(&mut said)?;
    Ok(said)
}

/// `+`, or `-` with the length of what was said (four bytes, little-endian) and that.
fn write(results: &[Ran], out: &mut impl Write) -> io::Result<()> {
    for ran in results {
        match ran {
            Ran::Fine => out.write_all(b"+")?,
            Ran::Failed(said) => {
                out.write_all(b"-")?;
                out.write_all(&u32::try_from(said.len()).unwrap_or(0).to_le_bytes())?;
                out.write_all(said.as_bytes())?;
            }
        }
    }
    out.flush()
}

fn read(bytes: &mut &[u8]) -> Option<Vec<Ran>> {
    let mut results = Vec::new();
    while let Some((letter, rest)) = bytes.split_first() {
        *bytes = rest;
        results.push(match letter {
            b'+' => Ran::Fine,
            b'-' => {
                let (length, rest) = bytes.split_first_chunk::<4>()?;
                let (said, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                *bytes = rest;
                Ran::Failed(String::from_utf8_lossy(said).into_owned())
            }
            _ => return None,
        });
    }
    Some(results)
}

/// What the process that [`elsewhere`] starts does, before it has threads: the trials called
/// `names` on the toolchain at `root`, their outcome to standard output. An error says why nothing
/// could be tried.
pub fn try_toolchain(root: &Path, names: &[String]) -> Result<(), String> {
    let trials = names
        .iter()
        .map(|name| Trial::named(name).ok_or_else(|| format!("{name:?} is no trial")))
        .collect::<Result<Vec<_>, _>>()?;
    let results = self::trials(root, &trials)?;
    write(&results, &mut io::stdout().lock()).map_err(|error| error.to_string())
}

/// The trials, by a program that has no threads.
pub fn trials(root: &Path, trials: &[Trial]) -> Result<Vec<Ran>, String> {
    let zygote = if rustix::process::geteuid().is_root() {
        Zygote::start_as_root(NOBODY)
    } else {
        Zygote::start()
    };
    let zygote = zygote.map_err(|error| error.to_string())?;
    if !zygote.client().rung().takes_any_toolchain() {
        return Err(zygote.findings().lines().join("; "));
    }
    trials
        .iter()
        .map(|trial| one(&zygote, root, trial))
        .collect()
}

fn one(zygote: &Zygote, root: &Path, trial: &Trial) -> Result<Ran, String> {
    let failed = |error: io::Error| error.to_string();
    let view = View::Toolchain(root.to_path_buf());
    let scratch = scratch(zygote, root).map_err(failed)?;
    let directory = scratch.inside(&view);
    let words = trial.command.iter().chain(&["-o", "trial.o"]);
    let arguments = words
        .map(|word| CString::new(*word))
        .collect::<Result<_, _>>();
    let mut stdin = memory("trial").map_err(failed)?;
    let mut stderr = memory("stderr").map_err(failed)?;
    stdin
        .write_all(trial.source.as_bytes())
        .and_then(|()| stdin.seek(SeekFrom::Start(0)))
        .map_err(failed)?;
    let job = Job {
        view,
        scratch,
        arguments: arguments.map_err(|error| error.to_string())?,
        environment: vec![c"PATH=/usr/bin".into()],
        directory,
        stdin: stdin.into(),
        stdout: stderr.try_clone().map_err(failed)?.into(),
        stderr: stderr.try_clone().map_err(failed)?.into(),
        limits: Limits {
            memory: Some(2 << 30),
            file_size: Some(64 << 20),
            processes: Some(64),
            open_files: Some(1024),
            cpu_seconds: Some(PATIENCE.as_secs()),
            ..Limits::default()
        },
    };
    let running = zygote
        .client()
        .spawn(&job)
        .map_err(|error| error.to_string())?;
    drop(job);
    let outcome = outcome(&running, Instant::now() + PATIENCE)?
        .ok_or_else(|| format!("{} did not end within {PATIENCE:?}", trial.name))?;
    match outcome.ended {
        Ended::Exited(0) => Ok(Ran::Fine),
        Ended::Exited(_) => {
            let mut said = Vec::new();
            stderr.seek(SeekFrom::Start(0)).map_err(failed)?;
            stderr
                .take(LONGEST_COMPLAINT)
                .read_to_end(&mut said)
                .map_err(failed)?;
            Ok(Ran::Failed(String::from_utf8_lossy(&said).into_owned()))
        }
        // The kernel finds the program, and not the loader that it names.
        Ended::NotStarted(error) if error.step == Step::Execute && error.errno == Errno::NOENT => {
            let program = trial.command[0];
            Ok(Ran::Failed(format!(
                "{program}: its dynamic loader is not among the files"
            )))
        }
        other => Err(format!("{} ended without a verdict: {other:?}", trial.name)),
    }
}

/// `None`: it takes too long. Words about its memory come before, and are of no interest.
fn outcome(running: &Running, deadline: Instant) -> Result<Option<Outcome>, String> {
    loop {
        let outcome = running.try_read_outcome();
        if let Some(outcome) = outcome.map_err(|error| error.to_string())? {
            return Ok(Some(outcome));
        }
        if !until(running, deadline).map_err(|error| error.to_string())? {
            return Ok(None);
        }
    }
}

fn scratch(zygote: &Zygote, root: &Path) -> io::Result<Scratch> {
    if zygote.client().rung().has_mounts() {
        return Ok(Scratch::Memory {
            bytes: 64 << 20,
            files: 64,
            directories: Vec::new(),
        });
    }
    // Below the changed root; it goes with the tree.
    let path: PathBuf = root.join("tmp/trial");
    match std::fs::create_dir(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(NOBODY.0), Some(NOBODY.1))?;
    }
    Ok(Scratch::Directory(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_that_do_not_end_are_ended() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("floe");
        std::fs::write(&program, "#!/bin/sh\nsleep 600\n").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, executable).unwrap();
        let tried = elsewhere_within(Duration::from_millis(300), &program, dir.path(), &[]);
        assert_eq!(tried, Err("the trials did not end within 300ms".to_owned()));
    }

    #[test]
    fn what_a_failed_prover_says_is_the_reason() {
        let tried = elsewhere(Path::new("/bin/false"), Path::new("/"), &[]);
        assert_eq!(tried, Err(String::new()));
    }

    #[test]
    fn outcomes_survive_their_way() {
        let results = [
            Ran::Fine,
            Ran::Failed("cc1: no\n".to_owned()),
            Ran::Failed(String::new()),
            Ran::Fine,
        ];
        let mut bytes = Vec::new();
        write(&results, &mut bytes).unwrap();
        assert_eq!(read(&mut &bytes[..]), Some(results.to_vec()));
        assert_eq!(read(&mut &bytes[..4]), None);
        assert_eq!(read(&mut &b"?"[..]), None);
    }
}
