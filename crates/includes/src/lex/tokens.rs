//! A directive's line as tokens.

use super::lines::is_existence_test;
use super::{Kind, Token};
use crate::dialect::Dialect;
use crate::names::Names;

/// Longest first among those that begin alike.
const PUNCTUATORS: &[&[u8]] = &[
    b"%:%:", b"...", b"<<=", b">>=", b"->*", b"<=>", b"##", b"%:", b"<<", b">>", b"<=", b">=",
    b"==", b"!=", b"&&", b"||", b"++", b"--", b"->", b"::", b".*", b"+=", b"-=", b"*=", b"/=",
    b"%=", b"&=", b"|=", b"^=", b"<:", b":>", b"<%", b"%>",
];

/// Takes a line apart. The line has no comments, no continuations and no end any more.
pub(crate) fn tokens(line: &[u8], dialect: Dialect, names: &mut Names) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let (mut at, mut is_spaced) = (0, false);
    while at < line.len() {
        let rest = &line[at..];
        if rest[0].is_ascii_whitespace() || rest[0] == b'\x0b' {
            is_spaced = true;
            at += 1;
            continue;
        }
        let (kind, length) = if operand_is_header(&found, names) {
            header(rest).unwrap_or_else(|| token(rest, dialect))
        } else {
            token(rest, dialect)
        };
        found.push(Token {
            kind,
            is_spaced,
            is_painted: false,
            spelling: names.name(&rest[..length]),
        });
        (at, is_spaced) = (at + length, false);
    }
    found
}

fn operand_is_header(before: &[Token], names: &Names) -> bool {
    let [.., test, open] = before else {
        return false;
    };
    names.spelling(open.spelling) == b"(" && is_existence_test(names.spelling(test.spelling))
}

/// `<…>` or `"…"`, in which nothing is escaped.
pub(crate) fn header(rest: &[u8]) -> Option<(Kind, usize)> {
    let close = match rest.first()? {
        b'<' => b'>',
        b'"' => b'"',
        _ => return None,
    };
    let end = memchr::memchr(close, &rest[1..])?;
    Some((Kind::Header, end + 2))
}

/// The first token's kind and length. `rest` is not empty and begins with no blank.
fn token(rest: &[u8], dialect: Dialect) -> (Kind, usize) {
    let first = rest[0];
    let digit_behind = rest.get(1).is_some_and(u8::is_ascii_digit);
    if first.is_ascii_digit() || first == b'.' && digit_behind {
        return (Kind::Number, number(rest, dialect));
    }
    let word = word(rest);
    if word > 0 {
        return match rest.get(word) {
            Some(b'"') if is_raw(&rest[..word], dialect) => (Kind::Text, word + raw(&rest[word..])),
            Some(b'"') if is_encoding(&rest[..word]) => (Kind::Text, word + quoted(&rest[word..])),
            Some(b'\'') if is_encoding(&rest[..word]) => {
                (Kind::Character, word + quoted(&rest[word..]))
            }
            _ => (Kind::Identifier, word),
        };
    }
    match first {
        b'"' => (Kind::Text, quoted(rest)),
        b'\'' => (Kind::Character, quoted(rest)),
        b'@' | b'`' | b'\\' => (Kind::Other, 1),
        _ => {
            let mut known = PUNCTUATORS.iter().copied();
            let long = known.find(|known| rest.starts_with(known));
            let is_cpp_only = |known: &[u8]| matches!(known, b"->*" | b".*" | b"<=>" | b"::");
            match long {
                Some(known) if dialect.is_cplusplus || !is_cpp_only(known) => {
                    (Kind::Punctuator, known.len())
                }
                // `a->*b` in C is `->` and `*`; the others are two tokens of one character.
                Some(b"->*") | Some(b"<=>") => (Kind::Punctuator, 2),
                _ if first.is_ascii_graphic() => (Kind::Punctuator, 1),
                _ => (Kind::Other, 1),
            }
        }
    }
}

/// The length of an identifier, 0 if none is here.
fn word(rest: &[u8]) -> usize {
    let is_part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || *byte >= 0x80;
    if rest[0].is_ascii_digit() {
        return 0;
    }
    rest.iter()
        .position(|byte| !is_part(byte))
        .unwrap_or(rest.len())
}

/// A preprocessing number is more than what is a number in the end.
fn number(rest: &[u8], dialect: Dialect) -> usize {
    let mut length = 1;
    while let Some(&byte) = rest.get(length) {
        let before = rest[length - 1];
        let goes_on = byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'_')
            || matches!(byte, b'+' | b'-') && matches!(before, b'e' | b'E' | b'p' | b'P')
            || byte == b'\''
                && dialect.digit_separators
                && rest
                    .get(length + 1)
                    .is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'_');
        if !goes_on {
            break;
        }
        length += 1;
    }
    length
}

fn is_encoding(prefix: &[u8]) -> bool {
    matches!(prefix, b"L" | b"u" | b"U" | b"u8")
}

fn is_raw(prefix: &[u8], dialect: Dialect) -> bool {
    dialect.raw_strings
        && prefix
            .strip_suffix(b"R")
            .is_some_and(|rest| rest.is_empty() || is_encoding(rest))
}

/// The length of what begins with a quote; up to the end of the line if nothing closes it.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == rest[0] => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw(rest: &[u8]) -> usize {
    let Some(open) = memchr::memchr(b'(', rest) else {
        return rest.len();
    };
    let mut end = vec![b')'];
    end.extend_from_slice(&rest[1..open]);
    end.push(b'"');
    memchr::memmem::find(rest, &end).map_or(rest.len(), |at| at + end.len())
}
