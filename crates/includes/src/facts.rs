//! What of a file's text matters beside its directives.

use memchr::memmem;

use crate::block::{Line, Strange};
use crate::dialect::Dialect;
use crate::lex::code;

/// Found anywhere in a file outside of comments, even in dead branches.
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
    pub(crate) fn of(bytes: &[u8], dialect: Dialect) -> Self {
        let joined = joined_words(bytes);
        let bytes = joined.as_deref().unwrap_or(bytes);
        match Self::mentioned(bytes) {
            none if none == Self::default() => none,
            // Comments are told apart where it matters only: few files say any of this.
            _ => Self::mentioned(&code(bytes, dialect)),
        }
    }

    fn mentioned(bytes: &[u8]) -> Self {
        let has = |what: &[u8]| memmem::find(bytes, what).is_some();
        Self {
            names_time: has(b"__DATE__") || has(b"__TIME__"),
            names_timestamp: has(b"__TIMESTAMP__"),
            includes_binary: has(b"incbin"),
            includes_assembly: has_directive(bytes, b".include"),
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

/// The text with its lines joined, if a word goes on from one to the next: none is to hide so.
fn joined_words(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut splits = false;
    let mut joined = Vec::new();
    let mut told = 0;
    for at in memchr::memchr_iter(b'\\', bytes) {
        let rest = &bytes[at + 1..];
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c));
        let end = blanks.count();
        if rest.get(end) != Some(&b'\n') {
            continue;
        }
        splits |= rest.get(end + 1).is_some_and(is_word) && bytes[..at].last().is_some_and(is_word);
        joined.extend_from_slice(&bytes[told..at]);
        told = at + end + 2;
    }
    joined.extend_from_slice(&bytes[told..]);
    splits.then_some(joined)
}

/// Whether a word of the assembler stands there whole: a member of that name has more letters as a rule.
fn has_directive(bytes: &[u8], word: &[u8]) -> bool {
    memmem::find_iter(bytes, word).any(|at| {
        let next = bytes.get(at + word.len());
        next.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;

    fn facts(text: &str) -> Facts {
        Library::new(Dialect::GNU_CPLUSPLUS)
            .block(text.as_bytes())
            .facts()
    }

    #[test]
    fn comments_say_nothing() {
        for text in [
            "/// As `.include` and .incbin do.\n",
            "/* __DATE__\n * and push_macro */\n",
            "#define X /* .incbin */ 1 // __TIMESTAMP__ \\\n .include\n",
            "#pragma push_macro(\"A\") // as pop_macro\n",
            "char c = '\"'; // __TIME__ \"\n",
            "if (args.include_tag || args.includes2)\n",
        ] {
            assert_eq!(facts(text), Facts::default(), "{text}");
        }
    }

    #[test]
    fn what_is_no_comment_counts() {
        assert!(facts("asm(\"/* .incbin */\");\n").includes_binary);
        assert!(facts("auto s = __DA\\\nTE__;\n").names_time);
        assert!(facts("asm(\".inc\\ \nbin x\");\n").includes_binary);
        assert!(facts("asm(\".include\\\"x\\\"\");\n").includes_assembly);
        assert!(facts("auto s = \"//\"; auto d = __DATE__;\n").names_time);
        assert!(facts("auto s = R\"x(/* )x\"; auto d = __TIME__; // */\n").names_time);
        assert!(
            facts("// one line\n#if 0\nasm(\".include \\\"x\\\"\");\n#endif\n").includes_assembly
        );
        assert!(facts("/* */ _Pragma(\"push_macro(\\\"A\\\")\")\n").changes_macros);
        assert!(facts("int a = 1'000; // '\nauto t = __TIMESTAMP__; // '\n").names_timestamp);
    }
}
