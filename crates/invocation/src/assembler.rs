//! `-Wa,…` and `-Xassembler`: words for the assembler, each judged; they may straddle options.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use job::Reason;

use crate::reading::{Reading, Sent};
use crate::table::Meaning;

/// Options of GNU as whose value is the next piece.
const WITH_VALUE: &[&[u8]] = &[
    b"--debug-prefix-map",
    b"--defsym",
    b"-I",
    b"--hash-size",
    b"-G",
    b"-K",
];

/// Judges all pieces in order; names of further assembler sources become absolute.
pub(crate) fn read_words(reading: &mut Reading<'_>) {
    let mut value_follows = false;
    for at in 0..reading.parts.len() {
        let Some((prefix, value)) = reading.handed_on(at, Meaning::AssemblerWords) else {
            continue;
        };
        let mut words: Vec<Vec<u8>> = Vec::new();
        for piece in value
            .as_bytes()
            .split(|&byte| byte == b',' && !prefix.is_empty())
        {
            if std::mem::take(&mut value_follows) {
                words.push(piece.to_vec());
                continue;
            }
            if let Some(reason) = stays(piece) {
                let shown = reading.parts[at].word.shown();
                reading.stay(reason, shown);
            }
            value_follows = WITH_VALUE.contains(&piece);
            if piece.starts_with(b"-") || piece.starts_with(b"@") || piece.is_empty() {
                words.push(piece.to_vec());
            } else if let Some(path) = reading.readable(OsStr::from_bytes(piece)) {
                words.push(path.as_os_str().as_bytes().to_vec());
                reading.add_extra_file(path);
            } else {
                let shown = reading.parts[at].word.shown();
                reading.stay(Reason::ExtraFileMissing, shown);
            }
        }
        let mut joined = prefix.as_bytes().to_vec();
        joined.extend(words.join(&b','));
        let given = value.as_bytes() == &joined[prefix.len()..];
        reading.parts[at].sent = if given {
            Sent::AsGiven
        } else {
            Sent::As(OsString::from_vec(joined))
        };
    }
}

/// Why a piece keeps the command here.
fn stays(piece: &[u8]) -> Option<Reason> {
    match piece {
        // A listing, to a file or to standard output, names the temporary assembler source.
        [b'-', b'a', rest @ ..]
            if rest
                .iter()
                .take_while(|&&byte| byte != b'=')
                .all(u8::is_ascii_lowercase) =>
        {
            Some(Reason::SideOutput)
        }
        [b'-', b'o', ..] => Some(Reason::SideOutput),
        _ if piece.starts_with(b"--MD") => Some(Reason::SideOutput),
        [b'@', ..] => Some(Reason::SideInput),
        _ => None,
    }
}
