//! clang's precompiled headers, told by name or taken in the place of a header that is.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use job::Reason;

use crate::plan::Family;
use crate::reader::Word;
use crate::reading::Reading;

/// Both as the command line names them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Precompiled {
    /// The text of which it is made.
    pub header: PathBuf,
    pub file: PathBuf,
}

/// What the next `-Xclang` is the value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    Plugin,
    Precompiled,
    Header,
}

impl Reading<'_> {
    /// A header that is taken from its precompiled form has no text to send: clang prefers that form
    /// even while preprocessing, gcc reads the text if there is any.
    pub(crate) fn included_header(&mut self, value: &OsStr, word: &Word<'_>) {
        let is_first = !std::mem::replace(&mut self.includes_header, true);
        let form = |suffix: &str| {
            let mut name = value.to_owned();
            name.push(suffix);
            let path = self.directory.join(&name);
            let is_there = self.files.is_readable_file(&path) || self.files.is_not_regular(&path);
            is_there.then_some(name)
        };
        match self.family {
            Family::Gcc => {
                let text = self.directory.join(value);
                if form(".gch").is_some() && !self.files.is_readable_file(&text) {
                    self.stay(Reason::Modules, word.shown());
                }
            }
            Family::Clang => match form(".pch").or_else(|| form(".gch")) {
                // Of later ones clang says that it does not take them.
                Some(name) if is_first => self.precompiled(&name, word),
                Some(_) => self.stay(Reason::Modules, word.shown()),
                None => {}
            },
        }
    }

    /// What is in it is known only if the header lies beside it.
    pub(crate) fn precompiled(&mut self, file: &OsStr, word: &Word<'_>) {
        let is_there = |name: &OsStr| self.files.is_readable_file(&self.directory.join(name));
        let name = file.as_bytes();
        let header = [&b".pch"[..], b".gch"]
            .iter()
            .find_map(|form| name.strip_suffix(*form));
        let header = header
            .map(OsStr::from_bytes)
            .filter(|header| is_there(header));
        match header.filter(|_| is_there(file) && self.precompiled.is_none()) {
            Some(header) => {
                self.precompiled = Some(Precompiled {
                    header: PathBuf::from(header),
                    file: PathBuf::from(file),
                });
                self.precompiled_by = word.shown();
            }
            None => self.stay(Reason::Modules, word.shown()),
        }
    }
}
