//! The job log: `jobs.log` in the state directory, [`JobRecord`]s behind their lengths as varints,
//! at most [`ROTATE_AT`] bytes and one older file. Agents and wrappers append; `floe explain` reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use job::JobRecord;
use prost::Message;
use rustix::fs::FlockOperation;

/// The size at which the file becomes the older one.
pub const ROTATE_AT: u64 = 8 << 20;

const CURRENT: &str = "jobs.log";
const OLDER: &str = "jobs.old.log";
const LOCK: &str = "jobs.lock";

/// Appends records. Whoever cannot have the lock within 100 ms gives up: a log never delays a build.
pub fn append(state_dir: &Path, records: &[JobRecord]) -> io::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(records.len() * 256);
    for record in records {
        bytes.extend(record.encode_length_delimited_to_vec());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state_dir)?;
    let _lock = lock(state_dir)?;
    let current = state_dir.join(CURRENT);
    let mut file = open(&current)?;
    let mut length = file.metadata()?.len();
    if length + bytes.len() as u64 > ROTATE_AT && length > 0 {
        fs::rename(&current, state_dir.join(OLDER))?;
        file = open(&current)?;
        length = 0;
    }
    file.write_all(&bytes).inspect_err(|_| {
        // On a full disk half a record would hide all that follow.
        let _ = file.set_len(length);
    })
}

/// All readable records, the newest first. A missing log is an empty one.
pub fn read_newest_first(state_dir: &Path) -> io::Result<Vec<JobRecord>> {
    let mut records = Vec::new();
    for name in [OLDER, CURRENT] {
        match fs::read(state_dir.join(name)) {
            Ok(bytes) => parse(&bytes, &mut records),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    records.reverse();
    Ok(records)
}

/// Reads up to the first thing that is no record: a torn tail costs only itself.
fn parse(mut bytes: &[u8], into: &mut Vec<JobRecord>) {
    while !bytes.is_empty() {
        match JobRecord::decode_length_delimited(&mut bytes) {
            Ok(record) => into.push(record),
            Err(_) => return,
        }
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn lock(state_dir: &Path) -> io::Result<File> {
    let file = open(&state_dir.join(LOCK))?;
    for _ in 0..50 {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(job_id: u32) -> JobRecord {
        JobRecord {
            job_id,
            source: b"a.c".to_vec(),
            ..JobRecord::default()
        }
    }

    fn ids(dir: &Path) -> Vec<u32> {
        read_newest_first(dir)
            .unwrap()
            .iter()
            .map(|record| record.job_id)
            .collect()
    }

    #[test]
    fn records_come_back_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("a/b");
        assert_eq!(ids(&state), []);
        append(&state, &[record(1), record(2)]).unwrap();
        append(&state, &[record(3)]).unwrap();
        assert_eq!(ids(&state), [3, 2, 1]);
    }

    #[test]
    fn a_torn_tail_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path(), &[record(1), record(2)]).unwrap();
        let path = dir.path().join(CURRENT);
        let whole = fs::read(&path).unwrap();
        let first = record(1).encode_length_delimited_to_vec().len();
        for cut in first..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(ids(dir.path()), [1], "{cut}");
        }
        fs::write(&path, [0xff; 40]).unwrap();
        assert_eq!(ids(dir.path()), []);
    }

    #[test]
    fn the_log_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let big = JobRecord {
            detail: "x".repeat(3 << 20),
            ..record(7)
        };
        for _ in 0..9 {
            append(dir.path(), std::slice::from_ref(&big)).unwrap();
        }
        let size = |name| fs::metadata(dir.path().join(name)).unwrap().len();
        assert!(size(CURRENT) <= ROTATE_AT && size(OLDER) <= ROTATE_AT);
        assert!(ids(dir.path()).len() >= 3);
    }
}
