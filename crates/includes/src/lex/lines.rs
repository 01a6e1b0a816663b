//! The directives of a file as logical lines: continued lines joined, comments made one space.
//!
//! Text between directives is passed over, but read as far as it decides where comments and
//! strings end. What the compilers do beyond the standard was measured with gcc 12 and clang 14:
//! a backslash joins lines even if blanks follow it, and an unmatched quote ends with its line.

use std::ops::Range;

use memchr::{memchr, memmem};

use crate::dialect::Dialect;

/// Directives whose operand may be a header's name, in which quotes and slashes mean themselves.
const NAME_HEADERS: &[&[u8]] = &[b"include", b"include_next", b"import", b"embed"];

pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    /// The directive that is read, behind its `#`.
    line: Vec<u8>,
    /// Where comments were, for whoever wants to know.
    comments: Option<Vec<Range<usize>>>,
}

/// What is in a file beside its comments, each of which leaves a blank.
pub(crate) fn code(bytes: &[u8], dialect: Dialect) -> Vec<u8> {
    let mut lines = Lines::new(bytes, dialect);
    lines.comments = Some(Vec::new());
    while lines.next().is_some() {}
    let mut code = Vec::with_capacity(bytes.len());
    let mut told = 0;
    for comment in lines.comments.into_iter().flatten() {
        code.extend_from_slice(&bytes[told..comment.start]);
        code.push(b' ');
        told = comment.end;
    }
    code.extend_from_slice(&bytes[told..]);
    code
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8], dialect: Dialect) -> Self {
        Self {
            bytes,
            at: if bytes.starts_with(b"\xef\xbb\xbf") {
                3
            } else {
                0
            },
            dialect,
            line: Vec::new(),
            comments: None,
        }
    }

    /// The next directive, behind its `#`.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        while self.at < self.bytes.len() {
            self.pass_blanks();
            if self.take_hash() {
                self.read_directive();
                return Some(&self.line);
            }
            self.pass_text();
        }
        None
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// How long a line's continuation is here, if one is: backslash, blanks, end of line.
    fn splice(&self) -> Option<usize> {
        if self.byte(0) != b'\\' {
            return None;
        }
        let mut length = 1;
        loop {
            match self.bytes.get(self.at + length) {
                Some(b'\n') => return Some(length + 1),
                Some(b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c') => length += 1,
                _ => return None,
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at.min(self.bytes.len())..]
    }

    /// Passes what may stand before a directive's `#`: blanks, comments, continuations.
    fn pass_blanks(&mut self) {
        loop {
            match self.byte(0) {
                b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r' => self.at += 1,
                b'/' if self.byte_after_splices(1).0 == b'*' => self.pass_comment(),
                _ => match self.splice() {
                    Some(length) => self.at += length,
                    None => return,
                },
            }
        }
    }

    /// The byte so many bytes ahead when continuations are left out, and its distance.
    fn byte_after_splices(&self, ahead: usize) -> (u8, usize) {
        let mut there = Lines {
            at: self.at + ahead,
            line: Vec::new(),
            comments: None,
            ..*self
        };
        while let Some(length) = there.splice() {
            there.at += length;
        }
        (there.byte(0), there.at - self.at)
    }

    fn take_hash(&mut self) -> bool {
        let rest = self.rest();
        let length = match rest {
            [b'#', ..] => 1,
            [b'%', b':', ..] => 2,
            _ => return false,
        };
        self.at += length;
        true
    }

    fn pass_comment(&mut self) {
        let start = self.at;
        self.pass_block();
        self.note_comment(start);
    }

    fn note_comment(&mut self, start: usize) {
        let end = self.at.min(self.bytes.len());
        if let Some(comments) = &mut self.comments {
            comments.push(start..end);
        }
    }

    /// Passes `/* … */`. One without end takes the rest of the file.
    fn pass_block(&mut self) {
        // The second character may stand behind a continuation.
        self.at += self.byte_after_splices(1).1 + 1;
        let rest = self.rest();
        // A continuation between `*` and `/` is rarer than one that is none.
        let mut from = 0;
        loop {
            let Some(star) = memchr(b'*', &rest[from..]) else {
                self.at = self.bytes.len();
                return;
            };
            let star = from + star;
            let (next, distance) = match rest.get(star + 1) {
                Some(b'\\') => {
                    let there = Lines {
                        at: self.at + star,
                        line: Vec::new(),
                        comments: None,
                        ..*self
                    };
                    there.byte_after_splices(1)
                }
                next => (next.copied().unwrap_or(0), 1),
            };
            if next == b'/' {
                self.at += star + distance + 1;
                return;
            }
            from = star + 1;
        }
    }

    fn pass_line_comment(&mut self) {
        let start = self.at;
        self.pass_line_rest();
        self.note_comment(start);
    }

    /// Passes the rest of a line behind `//`, up to its end.
    fn pass_line_rest(&mut self) {
        while let Some(end) = memchr(b'\n', self.rest()) {
            let line = &self.rest()[..end];
            if !line.trim_ascii_end().ends_with(b"\\") {
                self.at += end;
                return;
            }
            self.at += end + 1;
        }
        self.at = self.bytes.len();
    }

    /// Passes one logical line that is no directive, with its end.
    fn pass_text(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    return;
                }
                b'"' if self.begins_raw_string(self.bytes, self.at) => self.pass_raw_string(),
                b'"' => self.pass_quoted(byte),
                b'\'' if !self.separates_digits(&self.bytes[..self.at]) => self.pass_quoted(byte),
                b'/' => match self.byte_after_splices(1).0 {
                    b'*' => self.pass_comment(),
                    b'/' if self.dialect.line_comments => self.pass_line_comment(),
                    _ => self.at += 1,
                },
                b'\\' => self.at += self.splice().unwrap_or(1),
                _ => {
                    let rest = self.rest();
                    let means_something =
                        |byte: &u8| matches!(byte, b'\n' | b'"' | b'\'' | b'/' | b'\\');
                    // What is here means nothing, be it the apostrophe in a number.
                    let next = rest[1..].iter().position(means_something);
                    self.at += next.map_or(rest.len(), |next| next + 1);
                }
            }
        }
    }

    /// Passes a string or character, or up to the end of the line if it has no end.
    fn pass_quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => return,
                b'\\' => match self.splice() {
                    Some(length) => self.at += length,
                    None if self.byte(1) != b'\n' => self.at += 2,
                    None => self.at += 1,
                },
                _ => {
                    self.at += 1;
                    if byte == quote {
                        return;
                    }
                }
            }
        }
    }

    /// Whether the quote at `at` opens a raw string: `R` before it, alone or with an encoding.
    fn begins_raw_string(&self, bytes: &[u8], at: usize) -> bool {
        if !self.dialect.raw_strings {
            return false;
        }
        let prefix = word_before(bytes, at);
        matches!(prefix, b"R" | b"LR" | b"uR" | b"UR" | b"u8R")
    }

    /// Whether the apostrophe that is next separates digits of the number before it.
    fn separates_digits(&self, before: &[u8]) -> bool {
        self.dialect.digit_separators && is_word(self.byte(1)) && ends_in_number(before)
    }

    /// Passes `"delimiter(…)delimiter"`; continuations and comments mean nothing in it.
    fn pass_raw_string(&mut self) {
        self.at += 1;
        let rest = self.rest();
        let delimiter = rest
            .iter()
            .take(17)
            .position(|byte| matches!(byte, b'(' | b')' | b'\\' | b' ' | b'\n' | b'"'));
        let Some(length) = delimiter.filter(|length| rest[*length] == b'(') else {
            return;
        };
        let mut end = vec![b')'];
        end.extend_from_slice(&rest[..length]);
        end.push(b'"');
        match memmem::find(rest, &end) {
            Some(found) => self.at += found + end.len(),
            None => self.at = self.bytes.len(),
        }
    }

    /// Reads up to the end of a directive, which stays.
    fn read_directive(&mut self) {
        self.line.clear();
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => return,
                b'"' | b'\'' | b'<' => self.copy_quoted(byte),
                b'/' => match self.byte_after_splices(1).0 {
                    b'*' => {
                        self.pass_comment();
                        self.line.push(b' ');
                    }
                    b'/' if self.dialect.line_comments => self.pass_line_comment(),
                    _ => self.copy(),
                },
                b'\\' => match self.splice() {
                    Some(length) => self.at += length,
                    None => self.copy(),
                },
                _ => self.copy(),
            }
        }
    }

    fn copy(&mut self) {
        self.line.push(self.bytes[self.at]);
        self.at += 1;
    }

    /// Copies what stands in quotes, as far as this line has it.
    fn copy_quoted(&mut self, open: u8) {
        let names_header = self.names_header();
        if open == b'<' && !names_header || open == b'\'' && self.separates_digits(&self.line) {
            return self.copy();
        }
        let close = if open == b'<' { b'>' } else { open };
        self.copy();
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => return,
                b'\\' => match self.splice() {
                    Some(length) => self.at += length,
                    None => {
                        let escapes = !names_header && self.byte(1) != b'\n';
                        self.copy();
                        if escapes && self.at < self.bytes.len() {
                            self.copy();
                        }
                    }
                },
                _ => {
                    self.copy();
                    if byte == close {
                        return;
                    }
                }
            }
        }
    }

    /// Whether a quote here opens a header's name.
    fn names_header(&self) -> bool {
        let before = self.line.trim_ascii();
        if let Some(before) = before.strip_suffix(b"(") {
            let word = word_before(before.trim_ascii_end(), before.trim_ascii_end().len());
            return is_existence_test(word);
        }
        NAME_HEADERS.contains(&before)
    }
}

/// `__has_include` and its kind: operators whose operand is a header's name.
pub(super) fn is_existence_test(word: &[u8]) -> bool {
    matches!(
        word,
        b"__has_include" | b"__has_include_next" | b"__has_embed"
    )
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// The identifier that ends at `at`, or nothing.
fn word_before(bytes: &[u8], at: usize) -> &[u8] {
    let before = &bytes[..at];
    let start = before.iter().rposition(|byte| !is_word(*byte));
    &before[start.map_or(0, |at| at + 1)..]
}

/// Whether a number could go on behind these bytes.
fn ends_in_number(before: &[u8]) -> bool {
    let start = before
        .iter()
        .rposition(|byte| !is_word(*byte) && !matches!(byte, b'.' | b'\''));
    let token = &before[start.map_or(0, |at| at + 1)..];
    match token {
        [b'.', digit, ..] | [digit, ..] => digit.is_ascii_digit(),
        [] => false,
    }
}
