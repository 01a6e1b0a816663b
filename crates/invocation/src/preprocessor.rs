//! `-Wp,…` and `-Xpreprocessor`: words for the preprocessor alone, which may straddle options.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use job::Reason;

use crate::plan::Family;
use crate::reader::Kind;
use crate::reading::{Reading, Sent};
use crate::table::Meaning::PreprocessorWords;
use crate::table::{Fate, Spec};

/// Judges all pieces in order. What defines macros is sent like `-D`; dependency options have
/// done their work here and are left out; a piece that we do not know keeps the command here.
pub(crate) fn read_words(reading: &mut Reading<'_>) {
    // The dependency option whose file or target is still to come.
    let mut waits: Option<Piece> = None;
    for at in 0..reading.parts.len() {
        let Some((prefix, value)) = value_of(reading, at) else {
            continue;
        };
        let mut kept: Vec<&[u8]> = Vec::new();
        let pieces: Vec<&[u8]> = value
            .as_bytes()
            .split(|&byte| byte == b',' && !prefix.is_empty())
            .collect();
        for &piece in &pieces {
            let kind = match waits.take() {
                Some(Piece::MacroApart) => Piece::Macro,
                Some(_) => Piece::Dependency,
                None => judge(piece),
            };
            match kind {
                Piece::Macro => kept.push(piece),
                Piece::MacroApart => {
                    kept.push(piece);
                    waits = Some(kind);
                }
                Piece::File => {
                    reading.dependencies.by_preprocessor = true;
                    waits = Some(kind);
                }
                Piece::Target => {
                    reading.dependencies.target_named = true;
                    waits = Some(kind);
                }
                Piece::Dependency => {}
                Piece::Unknown => {
                    let shown = reading.parts[at].word.shown();
                    reading.stay(Reason::UnreadableOption, shown);
                }
            }
        }
        // clang reads dependency options here only in the one form that kernels use.
        let dependencies = pieces.iter().any(|piece| piece.starts_with(b"-M"));
        let kernel_form = !prefix.is_empty() && pieces.len() == 2;
        if reading.family == Family::Clang && dependencies && !kernel_form {
            let shown = reading.parts[at].word.shown();
            reading.stay(Reason::UnreadableOption, shown);
        }
        let sent = if kept.is_empty() {
            Sent::No
        } else if kept.len() == pieces.len() {
            Sent::AsMacro
        } else {
            let mut word = prefix.as_bytes().to_vec();
            word.extend(kept.join(&b','));
            Sent::AsMacroReplaced(OsString::from_vec(word))
        };
        reading.parts[at].sent = sent;
    }
    if waits.is_some() {
        reading.stay(Reason::UnreadableOption, "-Wp, without a value");
    }
}

/// The text for the preprocessor in this part, with the prefix it had: `-Wp,`, or none when it
/// stands in a word of its own.
fn value_of<'a>(reading: &Reading<'a>, at: usize) -> Option<(&'static str, &'a OsStr)> {
    match reading.parts[at].word.kind {
        Kind::Listed {
            spec:
                Spec {
                    fate: Fate::Means(PreprocessorWords),
                    spelling,
                    ..
                },
            value,
        } => Some((
            if spelling.starts_with("-X") {
                ""
            } else {
                spelling
            },
            value,
        )),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Macro,
    /// `-D` with the macro in the next piece.
    MacroApart,
    /// The next piece names a dependency file, or a target.
    File,
    Target,
    Dependency,
    Unknown,
}

fn judge(piece: &[u8]) -> Piece {
    match piece {
        b"-D" | b"-U" => Piece::MacroApart,
        b"-MD" | b"-MMD" | b"-MF" => Piece::File,
        b"-MT" | b"-MQ" => Piece::Target,
        b"-MP" | b"-MG" | b"-M" | b"-MM" => Piece::Dependency,
        b"-undef" => Piece::Macro,
        [b'-', b'D' | b'U' | b'W', ..] => Piece::Macro,
        _ => Piece::Unknown,
    }
}
