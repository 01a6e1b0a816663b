//! Repeats a remote compile with the local compiler and holds the two objects against each other.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use job::{Compiled, JobRecord};

/// What the comparison found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was compiled here in the first place.
    Local,
    Same,
    /// But for debug information, in which preprocessed text leaves traces: producer, columns, the order of
    /// strings.
    SameButDebug,
    /// The path of the remote object, kept beside the local one.
    Differs(PathBuf),
    /// Why the two could not be compared.
    Unknown(String),
}

pub(super) fn with_local(record: &JobRecord) -> Verdict {
    if record.compiled() != Compiled::Remote || record.output.is_empty() {
        return Verdict::Local;
    }
    if record.arguments.is_empty() {
        return Verdict::Unknown("its command line was not kept".to_owned());
    }
    let directory = Path::new(OsStr::from_bytes(&record.directory));
    let output = directory.join(OsStr::from_bytes(&record.output));
    repeat(record, directory, &output)
        .unwrap_or_else(|error| Verdict::Unknown(format!("{}: {error}", output.display())))
}

/// Moves the remote object aside, runs the same command with the compiler itself, compares, and
/// moves the remote object back.
fn repeat(record: &JobRecord, directory: &Path, output: &Path) -> io::Result<Verdict> {
    let mut aside = output.as_os_str().to_owned();
    aside.push(".remote");
    let aside = PathBuf::from(aside);
    fs::rename(output, &aside)?;
    let status = Command::new(OsStr::from_bytes(&record.compiler))
        .args(
            record
                .arguments
                .iter()
                .map(|argument| OsStr::from_bytes(argument)),
        )
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let verdict = match status {
        Ok(status) if status.success() => match fs::read(output)? == fs::read(&aside)? {
            true => Verdict::Same,
            false if same_without_debug(output, &aside) => Verdict::SameButDebug,
            false => return Ok(Verdict::Differs(aside)),
        },
        Ok(status) => Verdict::Unknown(format!("the local compile ended with {status}")),
        Err(error) => Verdict::Unknown(format!("the local compiler did not start: {error}")),
    };
    fs::rename(&aside, output)?;
    Ok(verdict)
}

/// Only where `objcopy` understands both.
fn same_without_debug(one: &Path, other: &Path) -> bool {
    match (without_debug(one), without_debug(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

fn without_debug(object: &Path) -> Option<Vec<u8>> {
    let stripped = tempfile::NamedTempFile::new().ok()?;
    let status = Command::new("objcopy")
        .arg("--strip-debug")
        .args([object, stripped.path()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    status.success().then(|| fs::read(stripped.path()).ok())?
}
