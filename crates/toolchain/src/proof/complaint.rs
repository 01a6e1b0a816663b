//! What a compiler says when a file is missing. The words are those of glibc 2.36, musl 1.2, gcc 11
//! and 12 and clang 14, measured; locales do not reach a sandbox.

use crate::collect::Cause;

/// A file that a program wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// A path or a bare name, as the program said it.
    pub(super) name: String,
    /// The program's own name.
    pub(super) needed_by: String,
}

impl Missing {
    pub(super) fn is_library(&self) -> bool {
        !self.name.contains('/') && self.name.contains(".so")
    }

    /// It is nowhere on this host.
    pub(super) fn cause(&self) -> Cause {
        let needed_by = self.needed_by.clone();
        if self.is_library() {
            let library = self.name.clone();
            return Cause::Library { library, needed_by };
        }
        let file = self.name.clone();
        Cause::File { file, needed_by }
    }
}

/// glibc's loader.
const GLIBC: &str = ": error while loading shared libraries: ";
/// musl's.
const MUSL: (&str, &str) = ("Error loading shared library ", "(needed by ");

const NOT_THERE: &[&str] = &[
    "No such file or directory",
    "no such file or directory",
    "doesn't exist",
    "not found",
];

/// The first file that is missing according to what a compiler said.
pub(super) fn missing(said: &str) -> Option<Missing> {
    said.lines()
        .find_map(|line| library(line).or_else(|| file(line)))
}

fn library(line: &str) -> Option<Missing> {
    if let Some((program, rest)) = line.split_once(GLIBC) {
        let (library, why) = rest.split_once(": ")?;
        return why
            .starts_with("cannot open shared object file")
            .then(|| found(library, program));
    }
    let (_, rest) = line.split_once(MUSL.0)?;
    let (library, rest) = rest.split_once(": ")?;
    let (_, needed_by) = rest.split_once(MUSL.1)?;
    Some(found(library, needed_by.trim_end_matches(')')))
}

fn file(line: &str) -> Option<Missing> {
    let at = NOT_THERE
        .iter()
        .filter_map(|words| line.find(words))
        .min()?;
    let program = line.split(':').next().unwrap_or_default();
    let before = &line[..at];
    let name = quoted(line).or_else(|| {
        // `as: cannot open x.opt: No such file or directory`
        let part = before.trim_end().trim_end_matches(':');
        let part = part.rsplit(": ").next()?;
        part.split_whitespace().next_back()
    })?;
    let is_name = !name.is_empty() && name != program && !name.contains(char::is_control);
    is_name.then(|| found(name, program))
}

/// What stands between the first pair of quotes.
fn quoted(line: &str) -> Option<&str> {
    let pairs = [('\'', '\''), ('‘', '’'), ('`', '\''), ('"', '"')];
    let mut starts = line.char_indices().filter_map(|(at, mark)| {
        let (_, end) = pairs.iter().find(|(start, _)| *start == mark)?;
        // The apostrophe of "doesn't" begins nothing.
        let is_within = line[..at].ends_with(char::is_alphanumeric);
        (!is_within).then_some((at + mark.len_utf8(), *end))
    });
    let (start, end) = starts.next()?;
    let rest = &line[start..];
    Some(&rest[..rest.find(end)?])
}

fn found(name: &str, program: &str) -> Missing {
    let base = program.rsplit('/').next().unwrap_or_default().trim();
    Missing {
        name: name.to_owned(),
        needed_by: base.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(said: &str) -> Option<(String, String)> {
        missing(said).map(|missing| (missing.name, missing.needed_by))
    }

    #[test]
    fn each_way_of_missing_something_is_understood() {
        for (said, name, by) in [
            (
                "/usr/bin/cc1plus: error while loading shared libraries: libmpfr.so.6: cannot open shared object file: No such file or directory\n",
                "libmpfr.so.6",
                "cc1plus",
            ),
            (
                "Error loading shared library libz.so.1: No such file or directory (needed by /usr/bin/cc1)\n",
                "libz.so.1",
                "cc1",
            ),
            (
                "gcc: fatal error: cannot execute 'as': execvp: No such file or directory\ncompilation terminated.\n",
                "as",
                "gcc",
            ),
            (
                "gcc: error trying to exec 'cc1': execvp: No such file or directory\n",
                "cc1",
                "gcc",
            ),
            (
                "clang: error: unable to execute command: Executable \"as\" doesn't exist!\n",
                "as",
                "clang",
            ),
            (
                "cc1: fatal error: inaccessible plugin file /usr/lib/x.so expanded from short plugin name x: No such file or directory\n",
                "x",
                "cc1",
            ),
            (
                "as: can't open /usr/lib/as.conf: No such file or directory\n",
                "/usr/lib/as.conf",
                "as",
            ),
        ] {
            assert_eq!(pair(said), Some((name.to_owned(), by.to_owned())), "{said}");
        }
    }

    #[test]
    fn other_complaints_name_no_file() {
        for said in [
            "",
            "cc1: internal compiler error: Segmentation fault\n",
            "cc1: error while loading shared libraries: libz.so.1: file too short\n",
            "cc1: out of memory allocating 65536 bytes\n",
        ] {
            assert_eq!(pair(said), None, "{said}");
        }
    }
}
