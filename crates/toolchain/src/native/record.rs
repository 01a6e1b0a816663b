//! What is remembered on disk about a packed toolchain: fields that end in NUL, then the stamps.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use job::EnvironmentName;

use super::Native;
use crate::compiler::Family;
use crate::compression::Compression;
use crate::pack::{Archive, file_name};
use crate::stamp::Watch;

/// One request: compiler, extra files, compression. Also the name of its record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    text: String,
    compression: Compression,
}

impl Key {
    pub(super) fn of(compiler: &Path, extra: &[PathBuf], compression: Compression) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(compression.name().as_bytes());
        for path in std::iter::once(compiler).chain(extra.iter().map(PathBuf::as_path)) {
            hasher.update(&[0]);
            hasher.update(path.as_os_str().as_bytes());
        }
        let hex: String = hasher.finalize().to_hex().chars().take(32).collect();
        Self {
            text: hex,
            compression,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }
}

/// A packed toolchain and the files from which it was made.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) native: Native,
    pub(super) watch: Watch,
}

/// Changes with the format, or with what goes into an archive: old records are then made anew.
const VERSION: &str = "floe native 1";

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let native = &self.native;
        let flag = |on: bool| if on { "1" } else { "0" };
        let file = native.archive.path.file_name().unwrap_or_default();
        let family = if native.family == Family::Clang {
            "clang"
        } else {
            "gcc"
        };
        let mut out = Vec::new();
        for field in [
            OsStr::new(VERSION),
            file,
            OsStr::new(family),
            OsStr::new(&native.target),
            OsStr::new(flag(native.alters_options)),
            OsStr::new(flag(native.has_c)),
            OsStr::new(flag(native.has_cxx)),
        ] {
            out.extend_from_slice(field.as_bytes());
            out.push(0);
        }
        self.watch.encode(&mut out);
        out
    }

    /// `None` for anything but a complete record of this version whose archive is in `dir`.
    pub(super) fn decode(bytes: &[u8], dir: &Path, compression: Compression) -> Option<Self> {
        let mut rest = bytes;
        let mut field = || {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let text = std::str::from_utf8(&rest[..end]).ok()?;
            rest = &rest[end + 1..];
            Some(text)
        };
        if field()? != VERSION {
            return None;
        }
        let name = EnvironmentName::parse(field()?.strip_suffix(compression.suffix())?).ok()?;
        let path = dir.join(file_name(&name, compression));
        let bytes = std::fs::metadata(&path)
            .ok()
            .filter(std::fs::Metadata::is_file)?
            .len();
        let family = if field()? == "clang" {
            Family::Clang
        } else {
            Family::Gcc
        };
        let target = field()?.to_owned();
        let (alters_options, has_c, has_cxx) = (field()? == "1", field()? == "1", field()? == "1");
        let archive = Archive { path, name, bytes };
        let native = Native {
            archive,
            family,
            target,
            alters_options,
            has_c,
            has_cxx,
        };
        Some(Self {
            native,
            watch: Watch::decode(rest).ok()?,
        })
    }
}
