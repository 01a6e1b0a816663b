//! Which files a preprocessed text was made from, and what in them such a text loses.
//!
//! Measured with gcc 12: `-fdirectives-only` carries out `#pragma pop_macro` but writes no
//! `#define` for the macro that comes back. The remote compiler then takes its name for something
//! else, nearly always an error, but not always. It drops `#pragma redefine_extname` as well. The
//! text shows no trace of either, so the files themselves have to be asked; a caller does that once
//! for each and remembers the answer.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use memchr::{memchr, memmem, memrchr};

/// How a line marker begins.
const MARK: &[u8] = b"# ";

/// Longer lines are no line markers: no path is that long, even with each byte escaped.
const LONGEST: usize = 8192 + 64;

/// Collects the names in line markers from text that arrives in pieces.
#[derive(Clone, Debug, Default)]
pub struct EnteredFiles {
    names: BTreeSet<Vec<u8>>,
    /// The start of the line that the last piece broke off in.
    line: Vec<u8>,
    /// The last piece broke off in a line.
    broken: bool,
}

impl EnteredFiles {
    pub fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        if self.broken {
            let end = memchr(b'\n', rest);
            let (part, others) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            self.continue_line(part);
            if end.is_none() {
                return;
            }
            self.names.extend(entered(&self.line));
            rest = others;
        }
        let last_line = memrchr(b'\n', rest).map_or(0, |end| end + 1);
        let (lines, open) = rest.split_at(last_line);
        // Nearly all of a text is no marker: lines are not looked at one by one.
        let first = lines.starts_with(MARK).then_some(0);
        let others = memmem::find_iter(lines, b"\n# ").map(|at| at + 1);
        for start in first.into_iter().chain(others) {
            let line = &lines[start..];
            let end = memchr(b'\n', line).unwrap_or(line.len());
            self.names.extend(entered(&line[..end.min(LONGEST)]));
        }
        self.line.clear();
        self.broken = !open.is_empty();
        self.continue_line(open);
    }

    /// Keeps more of the open line, while it may still be a marker.
    fn continue_line(&mut self, part: &[u8]) {
        let room = LONGEST.saturating_sub(self.line.len());
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// The files, as the preprocessor named them: relative to its working directory, or absolute.
    pub fn into_paths(mut self) -> Vec<PathBuf> {
        self.names.extend(entered(&self.line));
        let named = self
            .names
            .into_iter()
            .filter(|name| !name.starts_with(b"<") && !name.ends_with(b"//"));
        named
            .map(|name| PathBuf::from(OsString::from_vec(name)))
            .collect()
    }
}

/// The name in `# 12 "name" 1 3`.
fn entered(line: &[u8]) -> Option<Vec<u8>> {
    let rest = line.strip_prefix(MARK)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = rest[digits..].strip_prefix(b" \"")?.iter();
    let mut name = Vec::new();
    loop {
        match rest.next()? {
            b'"' => return Some(name),
            b'\\' => name.push(*rest.next()?),
            &byte => name.push(byte),
        }
    }
}

/// Whether a file has a pragma that gcc's directives-only text loses or whose effect it loses.
pub fn is_lost_in_directives(content: &[u8]) -> bool {
    [&b"pop_macro"[..], b"redefine_extname"]
        .iter()
        .any(|pragma| memmem::find(content, pragma).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_collected_wherever_the_pieces_break() {
        let text = b"# 0 \"a.c\"\n# 1 \"/tmp//\"\n# 0 \"<built-in>\"\n#define X \"x\"\n# 1 \"inc/a \\\"b.h\" 1 3\nint x; # 3 \"no\"\n# 2 \"a.c\" 2";
        for size in 1..text.len() {
            let mut files = EnteredFiles::default();
            text.chunks(size).for_each(|piece| files.feed(piece));
            assert_eq!(
                files.into_paths(),
                [PathBuf::from("a.c"), PathBuf::from("inc/a \"b.h")],
                "{size}"
            );
        }
    }

    #[test]
    fn endless_lines_are_not_kept() {
        let mut files = EnteredFiles::default();
        for _ in 0..100 {
            files.feed(&[b'#'; 1000]);
        }
        assert!(files.line.len() <= LONGEST);
        files.feed(b"\n# 1 \"a.c\"\n");
        assert_eq!(files.into_paths(), [PathBuf::from("a.c")]);
    }

    #[test]
    fn only_the_pragmas_count() {
        assert!(is_lost_in_directives(b"x\n# pragma pop_macro(\"min\")\n"));
        assert!(is_lost_in_directives(b"#pragma redefine_extname a b\n"));
        assert!(!is_lost_in_directives(b"#pragma push_macro(\"min\")\n"));
    }
}
