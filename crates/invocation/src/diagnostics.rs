//! What gcc says of a source where it can read it, against what it says of the same text on a host
//! that has no sources. Measured with gcc 11 and 12: there it quotes no source lines, counts columns
//! in bytes (here a tab takes up to eight), and has the quotes of another locale; everything else
//! is the same, line by line.

/// Whether `here` is `there` with source lines: nothing more is said, nothing less, in no other
/// order. Whatever this does not understand is a difference.
pub fn differ_in_source_lines_only(here: &[u8], there: &[u8]) -> bool {
    let mut there = there.split(|&byte| byte == b'\n').map(plain).peekable();
    for line in here.split(|&byte| byte == b'\n') {
        if there.next_if_eq(&plain(line)).is_none() && !quotes_source(line) {
            return false;
        }
    }
    there.next().is_none()
}

/// Whether a text has a warning that `-fsyntax-only` never gives, because a later pass does.
/// Forgetting one here only costs a run for nothing.
pub fn is_beyond_front_end(there: &[u8]) -> bool {
    const TAG: &[u8] = b"[-W";
    let starts = there
        .windows(TAG.len())
        .enumerate()
        .filter(|(_, part)| *part == TAG);
    starts.map(|(at, _)| &there[at + TAG.len()..]).any(|rest| {
        let end = rest
            .iter()
            .position(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-'));
        let name = &rest[..end.unwrap_or(rest.len())];
        name.starts_with(b"analyzer-") || LATER.iter().any(|late| late.as_bytes() == name)
    })
}

/// Warnings of gcc's lowering, symbol table and optimisers.
const LATER: &[&str] = &[
    "aggressive-loop-optimizations",
    "alloc-size-larger-than",
    "alloca-larger-than",
    "array-bounds",
    "attribute-warning",
    "clobbered",
    "dangling-pointer",
    "disabled-optimization",
    "format-overflow",
    "format-truncation",
    "frame-larger-than",
    "free-nonheap-object",
    "implicit-fallthrough",
    "infinite-recursion",
    "inline",
    "larger-than",
    "maybe-uninitialized",
    "mismatched-dealloc",
    "mismatched-new-delete",
    "null-dereference",
    "restrict",
    "return-type",
    "stack-usage",
    "stringop-overflow",
    "stringop-overread",
    "stringop-truncation",
    "uninitialized",
    "unused-const-variable",
    "unused-function",
    "unused-result",
    "use-after-free",
    "vla-larger-than",
];

/// A line of the source or what points into it, behind the margin: `   12 | int a;`, `      |    ^`,
/// `  +++ |+#include <stdio.h>`.
fn quotes_source(line: &[u8]) -> bool {
    let inner = line.trim_ascii_start();
    let number = inner
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'+')
        .count();
    let margin = match number {
        0 => inner.starts_with(b"|"),
        _ => inner[number..].starts_with(b" |"),
    };
    line.starts_with(b" ") && margin
}

/// A line without what depends on the locale and on reading the source.
fn plain(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    let mut seen_column = false;
    while let Some((&first, behind)) = rest.split_first() {
        if let Some(behind) = rest
            .strip_prefix("\u{2018}".as_bytes())
            .or_else(|| rest.strip_prefix("\u{2019}".as_bytes()))
        {
            plain.push(b'\'');
            rest = behind;
            continue;
        }
        match position(rest).filter(|_| !seen_column) {
            Some((before, whole)) => {
                plain.extend_from_slice(&rest[..before]);
                plain.push(b':');
                rest = &rest[whole..];
                seen_column = true;
            }
            None => {
                plain.push(first);
                rest = behind;
            }
        }
    }
    plain
}

/// If a text starts with `:LINE:COLUMN:`, where the column starts and where the whole ends.
fn position(text: &[u8]) -> Option<(usize, usize)> {
    let number = |from: usize| {
        let digits = text.get(from..)?;
        let count = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let end = from + count;
        (count > 0 && text.get(end) == Some(&b':')).then_some(end + 1)
    };
    if text.first() != Some(&b':') {
        return None;
    }
    let column = number(1)?;
    Some((column, number(column)?))
}

#[cfg(test)]
mod tests;
