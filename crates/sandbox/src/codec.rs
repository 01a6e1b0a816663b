//! The packets between the caller, the zygote and an init: little-endian numbers, and byte strings
//! with their length in front. All ends are the same program, so there is no version.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use crate::{Ended, Job, Limits, Scratch, StartError, Step, Usage, View};

/// An outcome without the files, which travel as a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) ended: Ended,
    pub(crate) usage: Usage,
}

impl Report {
    pub(crate) fn without_usage(ended: Ended) -> Self {
        Self {
            ended,
            usage: Usage::default(),
        }
    }
}

/// Room that a scratch directory in memory may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

/// A job as the zygote reads it, borrowed from the packet. The descriptors travel beside it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// The toolchain; none when its files are used where they are.
    pub(crate) root: Option<&'a CStr>,
    pub(crate) readable: Vec<&'a CStr>,
    /// On disk; none when it is in memory.
    pub(crate) scratch: Option<&'a CStr>,
    /// Where the job finds it, where it has mounts.
    pub(crate) place: &'a CStr,
    pub(crate) quota: Quota,
    pub(crate) directories: Vec<&'a CStr>,
    pub(crate) directory: &'a CStr,
    pub(crate) arguments: Vec<&'a CStr>,
    pub(crate) environment: Vec<&'a CStr>,
    pub(crate) limits: Limits,
}

/// Refuses paths with NUL bytes, which no kernel call could name.
pub(crate) fn encode_job(job: &Job) -> Result<Vec<u8>, std::ffi::NulError> {
    let mut out = Vec::with_capacity(4096);
    let no_paths: &[PathBuf] = &[];
    let tmp = Path::new("/tmp");
    let (root, place, readable) = match &job.view {
        View::Toolchain(root) => (root.as_path(), tmp, no_paths),
        View::Tree { root, scratch } => (root.as_path(), scratch.as_path(), no_paths),
        View::Installed(readable) => (Path::new(""), tmp, &readable[..]),
    };
    let (scratch, bytes, files, directories) = match &job.scratch {
        Scratch::Directory(path) => (path.as_path(), 0, 0, no_paths),
        Scratch::Memory {
            bytes,
            files,
            directories,
        } => (Path::new(""), *bytes, *files, &directories[..]),
    };
    for path in [root, scratch, place, &job.directory] {
        put_string(&mut out, &path_to_c(path)?);
    }
    for list in [readable, directories] {
        put_u64(&mut out, list.len() as u64);
        for path in list {
            put_string(&mut out, &path_to_c(path)?);
        }
    }
    put_u64(&mut out, bytes);
    put_u64(&mut out, files);
    for list in [&job.arguments, &job.environment] {
        put_u64(&mut out, list.len() as u64);
        for string in list {
            put_string(&mut out, string);
        }
    }
    let limits = &job.limits;
    for limit in [
        limits.address_space,
        limits.memory,
        limits.disk,
        limits.file_size,
        limits.processes,
        limits.open_files,
        limits.cpu_seconds,
    ] {
        put_u64(&mut out, limit.unwrap_or(u64::MAX));
    }
    out.extend([limits.nice, u8::from(limits.idle)]);
    Ok(out)
}

pub(crate) fn decode_job(packet: &[u8]) -> Option<Request<'_>> {
    let mut input = Input(packet);
    let some = |path: &'_ CStr| !path.is_empty();
    let root = Some(input.string()?).filter(|path| some(path));
    let scratch = Some(input.string()?).filter(|path| some(path));
    let place = input.string()?;
    let directory = input.string()?;
    let readable = input.strings()?;
    let directories = input.strings()?;
    let quota = Quota {
        bytes: input.u64()?,
        files: input.u64()?,
    };
    let arguments = input.strings()?;
    let environment = input.strings()?;
    let mut limit = || {
        input
            .u64()
            .map(|value| (value != u64::MAX).then_some(value))
    };
    let limits = Limits {
        address_space: limit()?,
        memory: limit()?,
        disk: limit()?,
        file_size: limit()?,
        processes: limit()?,
        open_files: limit()?,
        cpu_seconds: limit()?,
        nice: input.u8()?,
        idle: input.u8()? != 0,
    };
    input.0.is_empty().then_some(Request {
        root,
        readable,
        scratch,
        place,
        quota,
        directories,
        directory,
        arguments,
        environment,
        limits,
    })
}

/// Room for any outcome.
pub(crate) const REPORT_LEN: usize = 1 + 1 + 4 + 8 * 8;

pub(crate) fn encode_report(outcome: &Report) -> Vec<u8> {
    let mut out = Vec::with_capacity(REPORT_LEN);
    let (tag, step, number) = match outcome.ended {
        Ended::Exited(status) => (0, 0, status),
        Ended::Signalled(signal) => (1, 0, signal),
        Ended::NotStarted(StartError { step, errno }) => (2, step as u8, errno.raw_os_error()),
        Ended::OutOfMemory => (3, 0, 0),
        Ended::OutOfDisk => (4, 0, 0),
    };
    out.extend([tag, step]);
    out.extend(number.to_le_bytes());
    let usage = &outcome.usage;
    for duration in [usage.user, usage.system, usage.wall, usage.set_up] {
        put_u64(
            &mut out,
            u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
        );
    }
    for number in [
        usage.max_rss_kib,
        usage.peak_memory,
        usage.minor_faults,
        usage.major_faults,
    ] {
        put_u64(&mut out, number);
    }
    out
}

pub(crate) fn decode_report(packet: &[u8]) -> Option<Report> {
    let mut input = Input(packet);
    let (tag, step, number) = (input.u8()?, input.u8()?, input.i32()?);
    let ended = match tag {
        0 => Ended::Exited(number),
        1 => Ended::Signalled(number),
        2 => Ended::NotStarted(StartError {
            step: Step::from_number(step)?,
            errno: Errno::from_raw_os_error(number),
        }),
        3 => Ended::OutOfMemory,
        4 => Ended::OutOfDisk,
        _ => return None,
    };
    let mut duration = || input.u64().map(Duration::from_nanos);
    let (user, system, wall, set_up) = (duration()?, duration()?, duration()?, duration()?);
    let usage = Usage {
        user,
        system,
        wall,
        set_up,
        max_rss_kib: input.u64()?,
        peak_memory: input.u64()?,
        minor_faults: input.u64()?,
        major_faults: input.u64()?,
    };
    input.0.is_empty().then_some(Report { ended, usage })
}

pub(crate) fn path_to_c(path: &Path) -> Result<CString, std::ffi::NulError> {
    CString::new(path.as_os_str().as_bytes())
}

fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_le_bytes());
}

fn put_string(out: &mut Vec<u8>, string: &CStr) {
    let bytes = string.to_bytes_with_nul();
    put_u64(out, bytes.len() as u64);
    out.extend(bytes);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn i32(&mut self) -> Option<i32> {
        self.take(4)
            .and_then(|bytes| bytes.try_into().ok())
            .map(i32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u64::from_le_bytes)
    }

    fn string(&mut self) -> Option<&'a CStr> {
        let len = usize::try_from(self.u64()?).ok()?;
        CStr::from_bytes_with_nul(self.take(len)?).ok()
    }

    fn strings(&mut self) -> Option<Vec<&'a CStr>> {
        let count = usize::try_from(self.u64()?).ok()?;
        // A string takes nine bytes at least, so a false count cannot make this large.
        if count > self.0.len() / 9 {
            return None;
        }
        (0..count).map(|_| self.string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null() -> std::os::fd::OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    fn job() -> Job {
        Job {
            view: View::Toolchain(PathBuf::from("/toolchain")),
            scratch: Scratch::Memory {
                bytes: 1 << 20,
                files: 9,
                directories: vec![PathBuf::from("a"), PathBuf::from("a/b")],
            },
            arguments: vec![c"/usr/bin/gcc".into(), c"-O2".into(), c"".into()],
            environment: vec![c"PATH=/usr/bin".into()],
            directory: PathBuf::from("/tmp"),
            stdin: null(),
            stdout: null(),
            stderr: null(),
            limits: Limits {
                address_space: Some(1 << 30),
                cpu_seconds: Some(0),
                nice: 5,
                ..Limits::default()
            },
        }
    }

    #[test]
    fn a_job_survives_the_way() {
        let packet = encode_job(&job()).unwrap();
        let request = decode_job(&packet).unwrap();
        assert_eq!(request.root, Some(c"/toolchain"));
        assert_eq!((request.scratch, request.quota.files), (None, 9));
        assert_eq!(request.place, c"/tmp");
        assert_eq!(request.directories, [c"a", c"a/b"]);
        assert_eq!(request.arguments, [c"/usr/bin/gcc", c"-O2", c""]);
        assert_eq!(request.environment, [c"PATH=/usr/bin"]);
        assert_eq!(request.limits, job().limits);
    }

    #[test]
    fn a_tree_says_where_its_scratch_is() {
        let view = View::Tree {
            root: PathBuf::from("/tree"),
            scratch: PathBuf::from("/scratch"),
        };
        let job = Job { view, ..job() };
        assert_eq!(job.scratch.inside(&job.view), Path::new("/scratch"));
        let packet = encode_job(&job).unwrap();
        let request = decode_job(&packet).unwrap();
        assert_eq!(request.root, Some(c"/tree"));
        assert_eq!(request.place, c"/scratch");
    }

    #[test]
    fn a_cut_or_longer_packet_is_no_job() {
        let packet = encode_job(&job()).unwrap();
        for len in 0..packet.len() {
            assert_eq!(decode_job(&packet[..len]), None, "cut at {len}");
        }
        assert_eq!(decode_job(&[&packet[..], b"x"].concat()), None);
    }

    #[test]
    fn an_outcome_survives_the_way() {
        let usage = Usage {
            user: Duration::from_micros(3),
            max_rss_kib: 9,
            set_up: Duration::from_nanos(1),
            ..Usage::default()
        };
        let refused = StartError {
            step: Step::Execute,
            errno: Errno::NOENT,
        };
        for ended in [
            Ended::Exited(255),
            Ended::Signalled(9),
            Ended::OutOfMemory,
            Ended::OutOfDisk,
            Ended::NotStarted(refused),
        ] {
            let outcome = Report { ended, usage };
            let packet = encode_report(&outcome);
            assert!(packet.len() <= REPORT_LEN);
            assert_eq!(decode_report(&packet), Some(outcome));
        }
    }

    #[test]
    fn a_refusal_names_step_cause_and_remedy() {
        let text = StartError {
            step: Step::Execute,
            errno: Errno::NOENT,
        }
        .to_string();
        assert!(
            text.contains("executing the program")
                && text.contains("No such file")
                && text.contains("toolchain may lack"),
            "{text}"
        );
    }
}
