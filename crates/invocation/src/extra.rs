//! Files that options name and the remote compiler must have: they travel with the toolchain.

use std::ffi::{OsStr, OsString};
use std::path::{Component, PathBuf};

use job::Reason;

use crate::reader::Word;
use crate::reading::{Reading, Sent};

impl Reading<'_> {
    /// The option with the absolute path of its file, which the toolchain then carries.
    pub(crate) fn extra_file(&mut self, spelling: &str, value: &OsStr, word: &Word<'_>) -> Sent {
        match self.readable(value) {
            Some(path) => {
                let mut option = OsString::from(spelling);
                option.push(&path);
                self.add_extra_file(path);
                Sent::As(option)
            }
            None => {
                self.stay(Reason::ExtraFileMissing, word.shown());
                Sent::No
            }
        }
    }

    /// A name without a directory may be one that gcc finds among its own files: only a file that is
    /// there is taken for what is meant.
    pub(crate) fn specs(&mut self, value: &OsStr, word: &Word<'_>) -> Sent {
        let Some(path) = self.readable(value) else {
            self.stay(Reason::SideInput, word.shown());
            return Sent::No;
        };
        let mut option = OsString::from("-specs=");
        option.push(&path);
        self.tool_options.push(option.clone());
        self.add_extra_file(path.clone());
        // Only the last word is replaced.
        Sent::As(match word.arguments.len() {
            1 => option,
            _ => path.into_os_string(),
        })
    }

    pub(crate) fn add_extra_file(&mut self, path: PathBuf) {
        if !self.extra_files.contains(&path) {
            self.extra_files.push(path);
        }
    }

    /// The absolute path of a readable file, free of `.` and `..` so that it means the same inside
    /// a toolchain that holds the file but not the directories around it.
    pub(crate) fn readable(&self, name: &OsStr) -> Option<PathBuf> {
        let given = self.directory.join(name);
        let mut path = PathBuf::new();
        for component in given.components() {
            match component {
                Component::ParentDir => {
                    path.pop();
                }
                Component::CurDir => {}
                other => path.push(other),
            }
        }
        let readable = !name.is_empty()
            && self.files.is_readable_file(&given)
            && self.files.is_readable_file(&path);
        readable.then_some(path)
    }
}
