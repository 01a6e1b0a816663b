//! What /proc shows of a stopped process: texts in its memory, its directory, its program.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;

use super::Started;
use super::machine::HERE;

const LONGEST_PATH: usize = 4096;
const PAGE: u64 = 4096;
/// The kernel's own limit on arguments and environment is a quarter of the stack, 2 MiB by default.
const LONGEST_LIST: u64 = 8 << 20;

fn proc(pid: Pid, what: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{what}"))
}

/// The path that ends in NUL at `address`, made absolute as the process would.
pub(super) fn path(pid: Pid, at: i32, address: u64) -> io::Result<PathBuf> {
    let memory = File::open(proc(pid, "mem"))?;
    let mut text = Vec::new();
    let mut next = address;
    while text.len() < LONGEST_PATH {
        // The next page may not be there.
        let mut piece = vec![0; (PAGE - next % PAGE).min(256) as usize];
        memory.read_exact_at(&mut piece, next)?;
        if let Some(end) = piece.iter().position(|byte| *byte == 0) {
            text.extend_from_slice(&piece[..end]);
            let path = Path::new(OsStr::from_bytes(&text));
            return Ok(if path.is_absolute() {
                path.to_path_buf()
            } else {
                base(pid, at)?.join(path)
            });
        }
        next += piece.len() as u64;
        text.append(&mut piece);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "a path without end",
    ))
}

fn base(pid: Pid, at: i32) -> io::Result<PathBuf> {
    let link = if at == HERE {
        proc(pid, "cwd")
    } else {
        proc(pid, &format!("fd/{at}"))
    };
    std::fs::read_link(link)
}

/// The program that a process has just become.
pub(super) fn started(pid: Pid) -> io::Result<Started> {
    let variable = |text: OsString| {
        let bytes = text.as_bytes();
        let equals = bytes.iter().position(|byte| *byte == b'=')?;
        let os = |part: &[u8]| OsStr::from_bytes(part).to_owned();
        Some((os(&bytes[..equals]), os(&bytes[equals + 1..])))
    };
    Ok(Started {
        image: std::fs::read_link(proc(pid, "exe"))?,
        arguments: list(&proc(pid, "cmdline"))?,
        environment: list(&proc(pid, "environ"))?
            .into_iter()
            .filter_map(variable)
            .collect(),
    })
}

fn list(file: &Path) -> io::Result<Vec<OsString>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(LONGEST_LIST)
        .read_to_end(&mut bytes)?;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    Ok(bytes
        .split(|byte| *byte == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect())
}
