//! What is remembered on disk about a toolchain: fields that end in NUL, its contents, then the
//! stamps.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::contents::Contents;
use crate::compiler::Family;
use crate::stamp::Watch;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub compiler: &'a Path,
    /// The PATH in which the compiler finds its tools; `None` for that of this process.
    pub search: Option<&'a OsStr>,
    /// Options that decide which tools the compiler uses (`-B`).
    pub options: &'a [OsString],
    /// Files to be had at their own absolute paths.
    pub extra: &'a [PathBuf],
}

/// One request. Also the name of its record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let mut hasher = blake3::Hasher::new();
        let options = request.options.iter().map(OsString::as_os_str);
        let extra = request.extra.iter().map(|path| path.as_os_str());
        hasher.update(request.compiler.as_os_str().as_bytes());
        if let Some(search) = request.search {
            hasher.update(&[0, 2]);
            hasher.update(search.as_bytes());
        }
        for (kind, word) in options
            .map(|word| (1, word))
            .chain(extra.map(|word| (0, word)))
        {
            hasher.update(&[0, kind]);
            hasher.update(word.as_bytes());
        }
        Self(hasher.finalize().to_hex().chars().take(32).collect())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A compiler that was collected and identified, and the files from which it was made.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) contents: Arc<Contents>,
    pub(super) family: Family,
    pub(super) target: String,
    pub(super) alters_options: bool,
    pub(super) drivers: Vec<PathBuf>,
    pub(super) has_c: bool,
    pub(super) has_cxx: bool,
    pub(super) watch: Watch,
}

/// Changes with the format, or with what goes into a toolchain: old records are then made anew.
const VERSION: &str = "floe native 3";

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let flag = |on: bool| if on { "1" } else { "0" };
        let family = if self.family == Family::Clang {
            "clang"
        } else {
            "gcc"
        };
        let mut out = Vec::new();
        for field in [
            OsStr::new(VERSION),
            OsStr::new(family),
            OsStr::new(&self.target),
            OsStr::new(flag(self.alters_options)),
            OsStr::new(flag(self.has_c)),
            OsStr::new(flag(self.has_cxx)),
        ] {
            out.extend_from_slice(field.as_bytes());
            out.push(0);
        }
        for driver in &self.drivers {
            out.extend_from_slice(driver.as_os_str().as_bytes());
            out.push(0);
        }
        out.push(0);
        self.contents.encode(&mut out);
        self.watch.encode(&mut out);
        out
    }

    /// `None` for anything but a complete record of this version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut field = || {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let text = &rest[..end];
            rest = &rest[end + 1..];
            Some(text)
        };
        if field()? != VERSION.as_bytes() {
            return None;
        }
        let family = match field()? {
            b"clang" => Family::Clang,
            _ => Family::Gcc,
        };
        let target = std::str::from_utf8(field()?).ok()?.to_owned();
        let (alters_options, has_c, has_cxx) =
            (field()? == b"1", field()? == b"1", field()? == b"1");
        let mut drivers = Vec::new();
        loop {
            match field()? {
                b"" => break,
                path => drivers.push(PathBuf::from(OsStr::from_bytes(path))),
            }
        }
        let contents = Arc::new(Contents::decode(&mut rest)?);
        let watch = Watch::decode(rest).ok()?;
        Some(Self {
            contents,
            family,
            target,
            alters_options,
            drivers,
            has_c,
            has_cxx,
            watch,
        })
    }
}
