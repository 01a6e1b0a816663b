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
    pub(super) proof: Proof,
    pub(super) watch: Watch,
}

/// What is known of a toolchain's trials in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nothing yet: [`crate::NativeCache::prove`] finds out.
    Pending,
    /// Every language that it has compiles with the collected files alone.
    Whole,
    /// It could not be tried, and why. That may pass (a full disk, a busy host): other processes are
    /// not told.
    Impossible(String),
    /// A language that it has does not compile, and why: for people.
    Faulty(String),
}

impl Proof {
    fn letter_and_words(&self) -> (&'static str, &str) {
        match self {
            Self::Pending | Self::Impossible(_) => ("p", ""),
            Self::Whole => ("w", ""),
            Self::Faulty(why) => ("f", why),
        }
    }

    fn parse(letter: &[u8], words: &[u8]) -> Option<Self> {
        let words = || String::from_utf8_lossy(words).into_owned();
        Some(match letter {
            b"p" => Self::Pending,
            b"w" => Self::Whole,
            b"f" => Self::Faulty(words()),
            _ => return None,
        })
    }
}

/// Changes with the format, or with what goes into a toolchain: old records are then made anew.
const VERSION: &str = "floe native 5";

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let flag = |on: bool| if on { "1" } else { "0" };
        let family = if self.family == Family::Clang {
            "clang"
        } else {
            "gcc"
        };
        let (proof, words) = self.proof.letter_and_words();
        let words = words.replace('\0', " ");
        let mut out = Vec::new();
        for field in [
            OsStr::new(VERSION),
            OsStr::new(family),
            OsStr::new(&self.target),
            OsStr::new(flag(self.alters_options)),
            OsStr::new(flag(self.has_c)),
            OsStr::new(flag(self.has_cxx)),
            OsStr::new(proof),
            OsStr::new(&words),
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
        let proof = Proof::parse(field()?, field()?)?;
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
            proof,
            watch,
        })
    }
}
