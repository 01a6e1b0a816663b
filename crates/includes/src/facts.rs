//! What of a file's text matters beside its directives.

use memchr::memmem;

use crate::block::{Line, Strange};

/// Found anywhere in a file, in dead branches and mostly even in comments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `__DATE__`, `__TIME__`.
    pub names_time: bool,
    /// `__TIMESTAMP__`.
    pub names_timestamp: bool,
    /// `.incbin`: the assembler reads a file.
    pub includes_binary: bool,
    /// `.include`: the assembler reads a file of its own language.
    pub includes_assembly: bool,
    /// `#embed`, or a test for what it would find, in any branch.
    pub embeds: bool,
    /// A header is included or tested for in any branch whose name does not stand there.
    pub computes: bool,
    /// `push_macro` or `pop_macro` where no `#pragma` has it: text may change macros.
    pub changes_macros: bool,
    /// `#line` with or without a name: gcc quotes lines of the file that is named so.
    pub renames: bool,
}

impl Facts {
    /// What the text has, without what its directives say.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let has = |what: &[u8]| memmem::find(bytes, what).is_some();
        Self {
            names_time: has(b"__DATE__") || has(b"__TIME__"),
            names_timestamp: has(b"__TIMESTAMP__"),
            includes_binary: has(b"incbin"),
            includes_assembly: has(b".include"),
            ..Self::default()
        }
    }

    /// Takes in what the directives say.
    pub(crate) fn told(self, lines: &[Line], computes: bool, tests_embed: bool) -> Self {
        let is_embed = |line: &Line| matches!(line, Line::Strange(Strange::Embed));
        Self {
            computes,
            embeds: tests_embed || lines.iter().any(is_embed),
            renames: lines.iter().any(|line| matches!(line, Line::Rename)),
            ..self
        }
    }

    /// What either has.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            names_time: self.names_time || other.names_time,
            names_timestamp: self.names_timestamp || other.names_timestamp,
            includes_binary: self.includes_binary || other.includes_binary,
            includes_assembly: self.includes_assembly || other.includes_assembly,
            embeds: self.embeds || other.embeds,
            computes: self.computes || other.computes,
            changes_macros: self.changes_macros || other.changes_macros,
            renames: self.renames || other.renames,
        }
    }
}
