//! Leaving comments out of text that gcc printed with `-fdirectives-only`.
//!
//! In that mode gcc keeps comments; in C++ they are a third of the text (measured: 1.1 of 2.9 MB
//! for six headers of libstdc++), and compressing them costs more than finding them. Only what
//! cannot change the result is left out: every token keeps its line and its column, and comments
//! stay that the compiler reads or could warn of. What the scanner does not understand it does not
//! touch, nor anything after it.
//!
//! On the way it looks for macros that only this host can expand, as [`ClockScan`] does, and
//! collects the names of the files that the text was made from.

use invocation::{ClockScan, EnteredFiles};
use memchr::{memchr, memchr_iter, memchr2_iter, memmem};

/// What is read byte by byte: everything else is passed over.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut letters: &[u8] = b"\n\"'/\\";
    while let [letter, rest @ ..] = letters {
        special[*letter as usize] = true;
        letters = rest;
    }
    special
};

/// Text without a line's end for this long is not understood.
const LONGEST_PENDING: usize = 1 << 20;

/// Takes text in pieces of any size and hands on what is left of it.
#[derive(Debug)]
pub(crate) struct Lean {
    /// What was taken and does not end at the end of a line.
    pending: Vec<u8>,
    /// Set when nothing more is left out: the rest is only searched.
    plain: Option<ClockScan>,
    entered: EnteredFiles,
}

/// A macro that asks for the time was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AsksForTime(pub(crate) &'static str);

impl Lean {
    /// A scanner; without `comments` it only searches.
    pub(crate) fn new(comments: bool) -> Self {
        Self {
            pending: Vec::new(),
            plain: (!comments).then(ClockScan::default),
            entered: EnteredFiles::default(),
        }
    }

    /// Appends to `out` what is left of `text` and of what was pending.
    pub(crate) fn feed(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), AsksForTime> {
        if self.plain.is_some() {
            return self.pass(text, out);
        }
        self.pending.extend_from_slice(text);
        let handed_on = out.len();
        let mut scan = Scan {
            text: &self.pending,
            copied: 0,
            out,
            entered: &mut self.entered,
        };
        let (done, stop) = scan.lines();
        self.pending.drain(..done);
        if let Some(name) = asks_for_time(&out[handed_on..]) {
            return Err(AsksForTime(name));
        }
        if stop == Stop::NotUnderstood || self.pending.len() > LONGEST_PENDING {
            return self.finish(out);
        }
        Ok(())
    }

    /// Hands on what is pending; from now on nothing is left out.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), AsksForTime> {
        let rest = std::mem::take(&mut self.pending);
        self.pass(&rest, out)
    }

    /// The files that the text was made from.
    pub(crate) fn into_entered(self) -> EnteredFiles {
        self.entered
    }

    fn pass(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), AsksForTime> {
        out.extend_from_slice(text);
        self.entered.feed(text);
        let search = self.plain.get_or_insert_default();
        search
            .feed(text)
            .map_or(Ok(()), |name| Err(AsksForTime(name)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The text ends within a line.
    Short,
    NotUnderstood,
}

/// A walk over whole lines.
struct Scan<'a> {
    text: &'a [u8],
    /// Up to here the text is handed on or left out.
    copied: usize,
    out: &'a mut Vec<u8>,
    entered: &'a mut EnteredFiles,
}

impl Scan<'_> {
    /// Hands on as many lines as are understood; tells where the rest starts.
    fn lines(&mut self) -> (usize, Stop) {
        let mut start = 0;
        loop {
            match self.line(start) {
                Ok(next) => start = next,
                Err(stop) => {
                    self.out.extend_from_slice(&self.text[self.copied..start]);
                    return (start, stop);
                }
            }
        }
    }

    /// Walks over one logical line, or several that a comment joins; gives the start of the next.
    fn line(&mut self, start: usize) -> Result<usize, Stop> {
        let text = self.text;
        let directive = first_letter(&text[start..]) == Some(b'#');
        let mut at = start;
        loop {
            let special = |byte: &u8| SPECIAL[usize::from(*byte)];
            at += text[at..].iter().position(special).ok_or(Stop::Short)?;
            match text[at] {
                b'\n' => {
                    if directive {
                        self.entered.feed(&text[start..=at]);
                    }
                    return Ok(at + 1);
                }
                // Before the end of a line it joins the next; elsewhere it means nothing.
                b'\\' => {
                    at += if *text.get(at + 1).ok_or(Stop::Short)? == b'\n' {
                        2
                    } else {
                        1
                    }
                }
                b'"' => at = literal(text, at, b'"')?,
                b'\'' if separates_digits(text, at)? => at += 1,
                b'\'' => at = literal(text, at, b'\'')?,
                _ => match comment(text, at)? {
                    None => at += 1,
                    Some(comment) => {
                        if !directive && comment.expendable && !ends_in_backslash(&text[start..at])
                        {
                            // The end of the line follows: nothing can go wrong with it any more.
                            self.leave_out(at, &comment);
                        }
                        at = comment.end;
                    }
                },
            }
        }
    }

    fn leave_out(&mut self, at: usize, comment: &Comment) {
        self.out
            .extend_from_slice(trim_end(&self.text[self.copied..at]));
        self.out.extend(std::iter::repeat_n(b'\n', comment.lines));
        self.copied = comment.end;
    }
}

fn first_letter(line: &[u8]) -> Option<u8> {
    line.iter()
        .copied()
        .find(|byte| !matches!(byte, b' ' | b'\t'))
}

fn trim_end(text: &[u8]) -> &[u8] {
    let kept = text.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    &text[..kept.map_or(0, |last| last + 1)]
}

fn ends_in_backslash(text: &[u8]) -> bool {
    trim_end(text).last() == Some(&b'\\')
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// The first macro in `text` that only this host can expand. Its few possible ends are rarer than
/// its start.
fn asks_for_time(text: &[u8]) -> Option<&'static str> {
    const NAMES: [&str; 4] = ["__DATE__", "__TIME__", "__BASE_FILE__", "__TIMESTAMP__"];
    let stands = |end: usize, name: &&str| {
        text[..end]
            .strip_suffix(name.as_bytes())
            .is_some_and(|before| {
                !before.last().is_some_and(|byte| is_word(*byte))
                    && !text.get(end).is_some_and(|byte| is_word(*byte))
            })
    };
    let named = |ends: &[u8]| {
        memmem::find_iter(text, ends)
            .find_map(|at| NAMES.into_iter().find(|name| stands(at + ends.len(), name)))
    };
    named(b"E__").or_else(|| named(b"P__"))
}

/// The end of the string or character that starts at `at`.
fn literal(text: &[u8], at: usize, quote: u8) -> Result<usize, Stop> {
    // What stands in a raw string is no string, and whether there are raw strings the scanner does
    // not know.
    if quote == b'"' && at > 0 && text[at - 1] == b'R' {
        return Err(Stop::NotUnderstood);
    }
    let mut bytes = text.iter().enumerate().skip(at + 1);
    while let Some((at, byte)) = bytes.next() {
        match *byte {
            b'\\' => drop(bytes.next()),
            b'\n' => return Err(Stop::NotUnderstood),
            // A trigraph may be a backslash.
            b'?' if text[at..].starts_with(b"??/") => return Err(Stop::NotUnderstood),
            byte if byte == quote => return Ok(at + 1),
            _ => {}
        }
    }
    Err(Stop::Short)
}

/// Whether the `'` at `at` stands between the digits of a number.
fn separates_digits(text: &[u8], at: usize) -> Result<bool, Stop> {
    let next = *text.get(at + 1).ok_or(Stop::Short)?;
    let in_number = |byte: &u8| is_word(*byte) || matches!(byte, b'\'' | b'.');
    let start = text[..at]
        .iter()
        .rposition(|byte| !in_number(byte))
        .map_or(0, |last| last + 1);
    Ok(is_word(next) && start < at && text[start].is_ascii_digit())
}

struct Comment {
    /// The start of what follows: never the end of its last line.
    end: usize,
    /// Ends of lines in it.
    lines: usize,
    /// Nothing follows on its last line, and nobody reads it.
    expendable: bool,
}

/// The comment that starts at the `/` at `at`, if one does.
fn comment(text: &[u8], at: usize) -> Result<Option<Comment>, Stop> {
    match text.get(at + 1) {
        None => Err(Stop::Short),
        Some(b'/') => line_comment(text, at).map(Some),
        Some(b'*') => block_comment(text, at).map(Some),
        Some(_) => Ok(None),
    }
}

fn line_comment(text: &[u8], at: usize) -> Result<Comment, Stop> {
    let length = memchr(b'\n', &text[at..]).ok_or(Stop::Short)?;
    let inner = &text[at + 2..at + length];
    let joined = trim_end(inner);
    if joined.ends_with(b"\\") || joined.ends_with(b"??/") {
        return Err(Stop::NotUnderstood); // it goes on in the next line
    }
    Ok(Comment {
        end: at + length,
        lines: 0,
        expendable: is_expendable(inner),
    })
}

fn block_comment(text: &[u8], at: usize) -> Result<Comment, Stop> {
    let inside = &text[at + 2..];
    let mut nested = false;
    let length = memchr_iter(b'/', inside)
        .find(|slash| {
            let ends = *slash > 0 && inside[slash - 1] == b'*';
            nested |= !ends && inside.get(slash + 1) == Some(&b'*');
            ends
        })
        .ok_or(Stop::Short)?
        - 1;
    let (inner, end) = (&inside[..length], at + 2 + length + 2);
    let after = first_letter(&text[end..]).ok_or(Stop::Short)?;
    // A comment in a comment is warned of, and so is a backslash that joins nothing.
    let odd = || nested || memmem::find(inner, b"\\\n").is_some();
    Ok(Comment {
        end,
        lines: memchr_iter(b'\n', inner).count(),
        expendable: after == b'\n' && is_expendable(inner) && !odd(),
    })
}

/// Comments that mean something: `fall through` in any spelling, and letters outside of ASCII,
/// which may be the invisible ones of which compilers warn.
fn is_expendable(inner: &[u8]) -> bool {
    let falls = |at: usize| {
        inner[at..]
            .get(..4)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"fall"))
    };
    inner.is_ascii() && !memchr2_iter(b'f', b'F', inner).any(falls)
}

#[cfg(test)]
#[path = "lean_tests.rs"]
mod tests;
