//! Leaving comments out of text that gcc printed with `-fdirectives-only`.
//!
//! In that mode gcc keeps comments; in C++ they are a third of the text (measured: 1.1 of 2.9 MB
//! for six headers of libstdc++), and compressing them costs more than finding them. Only what
//! cannot change the result is left out: every token keeps its line and its column, and comments
//! stay that the compiler reads or could warn of. What the scanner does not understand it does not
//! touch, nor anything after it.
//!
//! On the way it looks for macros that only this host can expand, as [`ClockScan`] does.

use invocation::ClockScan;

/// What is read byte by byte: everything else is passed over.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut letters: &[u8] = b"\n\"'/_\\";
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
        }
    }

    /// Appends to `out` what is left of `text` and of what was pending.
    pub(crate) fn feed(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), AsksForTime> {
        if let Some(search) = &mut self.plain {
            out.extend_from_slice(text);
            return search
                .feed(text)
                .map_or(Ok(()), |name| Err(AsksForTime(name)));
        }
        self.pending.extend_from_slice(text);
        let mut scan = Scan {
            text: &self.pending,
            at: 0,
            out,
        };
        let stop = scan.lines();
        let done = scan.at;
        if let Stop::AsksForTime(name) = stop {
            return Err(AsksForTime(name));
        }
        self.pending.drain(..done);
        if stop == Stop::NotUnderstood || self.pending.len() > LONGEST_PENDING {
            return self.give_up(out);
        }
        Ok(())
    }

    /// The text has ended.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), AsksForTime> {
        self.give_up(out)
    }

    fn give_up(&mut self, out: &mut Vec<u8>) -> Result<(), AsksForTime> {
        let rest = std::mem::take(&mut self.pending);
        let search = self.plain.get_or_insert_default();
        out.extend_from_slice(&rest);
        search
            .feed(&rest)
            .map_or(Ok(()), |name| Err(AsksForTime(name)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The text ends within a line.
    Short,
    NotUnderstood,
    AsksForTime(&'static str),
}

/// A walk over whole lines; `at` is always the start of a line that is not handed on yet.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    out: &'a mut Vec<u8>,
}

impl Scan<'_> {
    fn lines(&mut self) -> Stop {
        loop {
            let before = self.out.len();
            match self.line() {
                Ok(next) => self.at = next,
                Err(stop) => {
                    self.out.truncate(before);
                    return stop;
                }
            }
        }
    }

    /// Hands on one logical line, or several that a comment joins; gives the start of the next.
    fn line(&mut self) -> Result<usize, Stop> {
        let text = self.text;
        let directive = first_letter(&text[self.at..]) == Some(b'#');
        let mut copied = self.at;
        let mut at = self.at;
        loop {
            at += text[at..]
                .iter()
                .position(|byte| SPECIAL[usize::from(*byte)])
                .ok_or(Stop::Short)?;
            match text[at] {
                b'\n' => {
                    self.out.extend_from_slice(&text[copied..=at]);
                    return Ok(at + 1);
                }
                b'_' => {
                    if let Some(name) = asks_for_time(text, at)? {
                        return Err(Stop::AsksForTime(name));
                    }
                    at += 1;
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
                        if !directive && comment.expendable && !ends_in_backslash(&text[copied..at])
                        {
                            self.out.extend_from_slice(trim_end(&text[copied..at]));
                            self.out.extend(std::iter::repeat_n(b'\n', comment.lines));
                            copied = comment.end;
                        }
                        at = comment.end;
                    }
                },
            }
        }
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

/// The macro whose name starts at `at`, if it is one that only this host can expand.
fn asks_for_time(text: &[u8], at: usize) -> Result<Option<&'static str>, Stop> {
    const NAMES: [&str; 4] = ["__DATE__", "__TIME__", "__TIMESTAMP__", "__BASE_FILE__"];
    const LONGEST: usize = 14;
    let here = &text[at..];
    if here.len() < LONGEST && !here.contains(&b'\n') {
        return Err(Stop::Short);
    }
    if !matches!(here, [b'_', b'_', b'D' | b'T' | b'B', ..]) || (at > 0 && is_word(text[at - 1])) {
        return Ok(None);
    }
    Ok(NAMES.into_iter().find(|name| {
        here.strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.first().is_none_or(|byte| !is_word(*byte)))
    }))
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
    let length = text[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(Stop::Short)?;
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
    let mut from = at + 2;
    let end = loop {
        from += text[from..]
            .iter()
            .position(|byte| *byte == b'/')
            .ok_or(Stop::Short)?;
        if from > at + 2 && text[from - 1] == b'*' {
            break from + 1;
        }
        from += 1;
    };
    let inner = &text[at + 2..end - 2];
    let after = text[end..]
        .iter()
        .find(|byte| !matches!(byte, b' ' | b'\t'))
        .ok_or(Stop::Short)?;
    let alone = *after == b'\n';
    // A comment in a comment is warned of, and so is a line's end that is none.
    let odd = || {
        inner
            .windows(2)
            .any(|pair| pair == b"/*" || pair == b"\\\n")
    };
    Ok(Comment {
        end,
        lines: inner.iter().filter(|byte| **byte == b'\n').count(),
        expendable: alone && is_expendable(inner) && !odd(),
    })
}

/// Comments that mean something: `fall through` in any spelling, and letters outside of ASCII,
/// which may be the invisible ones of which compilers warn.
fn is_expendable(inner: &[u8]) -> bool {
    let falls = |word: &[u8]| matches!(word[0], b'f' | b'F') && word.eq_ignore_ascii_case(b"fall");
    inner.is_ascii() && !inner.windows(4).any(falls)
}

#[cfg(test)]
#[path = "lean_tests.rs"]
mod tests;
