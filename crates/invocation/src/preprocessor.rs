//! `-Wp,…` and `-Xpreprocessor`: words for the preprocessor alone, which may straddle options.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use job::Reason;

use crate::plan::Family;
use crate::reading::{Reading, Sent};
use crate::table::Meaning;

/// Judges all pieces in order. What defines macros is sent like `-D`; dependency options have
/// done their work here and are left out; a piece that we do not know keeps the command here.
pub(crate) fn read_words(reading: &mut Reading<'_>) {
    // The dependency option whose file or target is still to come.
    let mut waits: Option<Piece> = None;
    for at in 0..reading.parts.len() {
        let Some((prefix, value)) = reading.handed_on(at, Meaning::PreprocessorWords) else {
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
