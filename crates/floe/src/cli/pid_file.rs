//! A file that says which process a service is, locked as long as it runs (flock(2)), so that a number that
//! another process has by now is never taken for it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a service may take to end.
const FAREWELL: Duration = Duration::from_secs(15);

/// To be kept while the service runs.
#[derive(Debug)]
pub(super) struct Held(#[expect(dead_code, reason = "closing it releases the lock")] File);

/// Takes the file for this process; fails if another service has it.
pub(super) fn hold(path: &Path) -> Result<Held> {
    let mut file = open(path, true)?.with_context(|| format!("{} is gone", path.display()))?;
    if !lock(&file, path)? {
        bail!("it runs already (process {})", number(&mut file)?);
    }
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(Held(file))
}

/// Whether a service has the file.
pub(super) fn is_held(path: &Path) -> Result<bool> {
    match open(path, false)? {
        Some(file) => Ok(!lock(&file, path)?),
        None => Ok(false),
    }
}

/// Ends the service that has the file and waits for its end; false if there is none.
pub(super) fn end(path: &Path) -> Result<bool> {
    let Some(mut file) = open(path, false)? else {
        return Ok(false);
    };
    if lock(&file, path)? {
        return Ok(false);
    }
    let number = number(&mut file)?;
    let process = Pid::from_raw(number).context("it names no process")?;
    kill_process(process, Signal::TERM)
        .with_context(|| format!("process {number} cannot be ended"))?;
    let until = Instant::now() + FAREWELL;
    while !lock(&file, path)? {
        if Instant::now() > until {
            bail!(
                "process {number} did not end within {} s of SIGTERM; kill -9 {number}",
                FAREWELL.as_secs()
            );
        }
        // A lock of a file is waited for without end or not at all.
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(true)
}

fn open(path: &Path, create: bool) -> Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create);
    match options.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !create => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be opened", path.display())),
    }
}

fn lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

fn number(file: &mut File) -> Result<i32> {
    let mut text = String::new();
    file.rewind()?;
    file.take(32).read_to_string(&mut text)?;
    text.trim()
        .parse()
        .context("the file has no process number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_service_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("one.pid");
        assert!(!is_held(&path).unwrap() && !end(&path).unwrap());
        let held = hold(&path).unwrap();
        assert!(is_held(&path).unwrap());
        let said = hold(&path).unwrap_err().to_string();
        assert!(said.contains(&std::process::id().to_string()), "{said}");
        drop(held);
        assert!(!is_held(&path).unwrap() && !end(&path).unwrap());
    }
}
