//! A file as what the evaluator needs of it: its directives, linked where conditions skip.

use std::borrow::Cow;

use memchr::memmem;

use crate::facts::Facts;
use crate::lex::{Kind, Lines, Token, code, replaced, tokens};
use crate::library::Library;
use crate::macros::{MacroId, define};
use crate::names::Name;
use crate::spelled::{Mentions, Spelled};
use crate::words::Word;

/// One directive.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    Define(Name, MacroId),
    Undefine(Name),
    /// `#if`, and the branch behind an earlier one that was not taken; `next` is where the next
    /// branch or the end is.
    If {
        test: Test,
        next: usize,
    },
    /// Another branch begins: whoever comes here has been in one, and goes on at the end.
    Elif {
        test: Test,
        next: usize,
        end: usize,
    },
    Else {
        end: usize,
    },
    Endif,
    Include(Include, Operand),
    PragmaOnce,
    PushMacro(Name),
    PopMacro(Name),
    /// From here on the file calls itself something else, as `#line` or a preprocessor's marker says.
    Rename,
    /// What is not followed here, if it is reached.
    Strange(Strange),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Test {
    Defined(Name),
    Undefined(Name),
    Expression(Box<[Token]>),
}

/// How a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    Plain,
    Next,
    /// Once only.
    Import,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Operand {
    Quoted(Name),
    Angled(Name),
    /// What it becomes by macros.
    Computed(Box<[Token]>),
}

/// What makes a file's meaning unknown here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Strange {
    #[error("a directive is malformed")]
    Malformed,
    #[error("conditions are not closed or not opened")]
    Unbalanced,
    #[error("#pragma GCC dependency reads a file's time")]
    Dependency,
    #[error("#pragma include_alias gives files other names")]
    Alias,
    #[error("#pragma clang module changes what is visible")]
    Module,
    #[error("#assert and its kind are not followed")]
    Assertion,
    #[error("a sequence of three characters stands for another, save in raw strings")]
    Trigraph,
    #[error("#embed is not followed")]
    Embed,
    #[error("a preprocessor's marker says that another file begins")]
    Marker,
}

/// A file's directives.
#[derive(Debug)]
pub struct Block {
    pub(crate) lines: Vec<Line>,
    pub(crate) facts: Facts,
    pub(crate) spelled: Vec<Spelled>,
    /// Another for each block of a library.
    pub(crate) number: u32,
}

impl Block {
    /// Every header whose name stands in a directive or condition, in whatever branch; each once.
    pub fn spelled(&self) -> &[Spelled] {
        &self.spelled
    }

    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// Whether another block of the same library says the same to whoever follows directives: what is different
    /// in its file is only text.
    pub fn directs_as(&self, other: &Self) -> bool {
        self.facts == other.facts && self.spelled == other.spelled && self.lines == other.lines
    }
}

impl Library {
    /// Reads a file's contents.
    pub fn block(&mut self, bytes: &[u8]) -> Block {
        let read = match self.dialect.trigraphs {
            true => replaced(bytes),
            false => Cow::Borrowed(bytes),
        };
        let mut facts = Facts::of(&read, self.dialect);
        // In a raw string three characters are three.
        let is_doubtful = matches!(read, Cow::Owned(_))
            && self.dialect.raw_strings
            && memmem::find(bytes, b"R\"").is_some();
        let lines = if is_doubtful {
            vec![Line::Strange(Strange::Trigraph)]
        } else {
            let (lines, changes_macros) = self.lines(&read);
            facts.changes_macros = changes_macros;
            lines
        };
        let mentions = Mentions::of(&lines, self);
        self.blocks = self.blocks.wrapping_add(1);
        Block {
            facts: facts.told(&lines, mentions.computes, mentions.tests_embed),
            spelled: mentions.spelled,
            lines,
            number: self.blocks,
        }
    }

    /// All directives, linked, and whether text may change macros.
    fn lines(&mut self, bytes: &[u8]) -> (Vec<Line>, bool) {
        let mut open = Vec::new();
        let mut read: Vec<Line> = Vec::new();
        let mut told = 0;
        let mut lines = Lines::new(bytes, self.dialect);
        while let Some(line) = lines.next() {
            told += usize::from(is_macro_pragma(line));
            let Some(line) = self.line(line) else {
                continue;
            };
            let at = read.len();
            match &line {
                Line::If { .. } => open.push(vec![at]),
                Line::Elif { .. } | Line::Else { .. } => match open.last_mut() {
                    Some(branches) => {
                        if let Some(Line::Else { .. }) = branches.last().map(|last| &read[*last]) {
                            read.push(Line::Strange(Strange::Unbalanced));
                            continue;
                        }
                        let before = branches.last().copied();
                        branches.push(at);
                        link(&mut read, before, at);
                    }
                    None => {
                        read.push(Line::Strange(Strange::Unbalanced));
                        continue;
                    }
                },
                Line::Endif => match open.pop() {
                    Some(branches) => {
                        link(&mut read, branches.last().copied(), at);
                        for branch in branches {
                            if let Line::Elif { end, .. } | Line::Else { end } = &mut read[branch] {
                                *end = at;
                            }
                        }
                    }
                    None => {
                        read.push(Line::Strange(Strange::Unbalanced));
                        continue;
                    }
                },
                _ => {}
            }
            read.push(line);
        }
        let at = read.len();
        for branches in open {
            link(&mut read, branches.last().copied(), at);
            for branch in branches {
                if let Line::Elif { end, .. } | Line::Else { end } = &mut read[branch] {
                    *end = at;
                }
            }
            read.insert(at, Line::Strange(Strange::Unbalanced));
        }
        let is_beyond = |text: &[u8]| {
            let mentions = memmem::find_iter(text, b"push_macro").count()
                + memmem::find_iter(text, b"pop_macro").count();
            mentions > told
        };
        let changes_macros = is_beyond(bytes) && is_beyond(&code(bytes, self.dialect));
        (read, changes_macros)
    }

    /// One directive behind its `#`; `None` if it changes nothing.
    fn line(&mut self, line: &[u8]) -> Option<Line> {
        let line = line.trim_ascii();
        let length = line
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        let (directive, rest) = line.split_at(length.unwrap_or(line.len()));
        let include = |kind, library: &mut Self| Some(Line::Include(kind, library.operand(rest)));
        match directive {
            b"define" => {
                let tokens = self.tokens(rest);
                Some(match define(&tokens, &mut self.names) {
                    Some((name, definition)) => Line::Define(name, self.keep(definition)),
                    None => Line::Strange(Strange::Malformed),
                })
            }
            b"undef" => Some(self.named(rest, Line::Undefine)),
            b"if" => Some(if_line(Test::Expression(self.tokens(rest).into()))),
            b"ifdef" => Some(self.named(rest, |name| if_line(Test::Defined(name)))),
            b"ifndef" => Some(self.named(rest, |name| if_line(Test::Undefined(name)))),
            b"elif" => Some(elif_line(Test::Expression(self.tokens(rest).into()))),
            b"elifdef" => Some(self.named(rest, |name| elif_line(Test::Defined(name)))),
            b"elifndef" => Some(self.named(rest, |name| elif_line(Test::Undefined(name)))),
            b"else" => Some(Line::Else { end: 0 }),
            b"endif" => Some(Line::Endif),
            b"include" => include(Include::Plain, self),
            b"include_next" => include(Include::Next, self),
            b"import" => include(Include::Import, self),
            b"embed" => Some(Line::Strange(Strange::Embed)),
            b"pragma" => self.pragma(rest),
            b"assert" | b"unassert" => Some(Line::Strange(Strange::Assertion)),
            b"line" => Some(Line::Rename),
            _ if directive.first().is_some_and(u8::is_ascii_digit) => Some(marker(rest)),
            _ => None,
        }
    }

    fn tokens(&mut self, line: &[u8]) -> Vec<Token> {
        tokens(line, self.dialect, &mut self.names)
    }

    fn named(&mut self, rest: &[u8], make: impl FnOnce(Name) -> Line) -> Line {
        match self.tokens(rest).first() {
            Some(token) if token.kind == Kind::Identifier => make(token.spelling),
            _ => make(self.names.name(b"")),
        }
    }

    fn operand(&mut self, rest: &[u8]) -> Operand {
        let rest = rest.trim_ascii();
        match crate::lex::header(rest) {
            Some((_, length)) => {
                let name = self.names.name(&rest[1..length - 1]);
                match rest[0] {
                    b'<' => Operand::Angled(name),
                    _ => Operand::Quoted(name),
                }
            }
            None => Operand::Computed(self.tokens(rest).into()),
        }
    }

    fn pragma(&mut self, rest: &[u8]) -> Option<Line> {
        let tokens = self.tokens(rest);
        let spelled = |token: Option<&Token>| match token {
            Some(token) => self.names.spelling(token.spelling).to_vec(),
            None => Vec::new(),
        };
        let (first, second) = (spelled(tokens.first()), spelled(tokens.get(1)));
        match (first.as_slice(), second.as_slice()) {
            (b"once", _) => Some(Line::PragmaOnce),
            (b"push_macro" | b"pop_macro", _) => {
                let text = spelled(tokens.get(2));
                let name = text
                    .strip_prefix(b"\"")
                    .and_then(|text| text.strip_suffix(b"\""));
                let Some(name) = name else {
                    return Some(Line::Strange(Strange::Malformed));
                };
                let name = self.names.name(name.trim_ascii());
                Some(match first.as_slice() {
                    b"push_macro" => Line::PushMacro(name),
                    _ => Line::PopMacro(name),
                })
            }
            (b"GCC", b"dependency") | (b"clang", b"dependency") => {
                Some(Line::Strange(Strange::Dependency))
            }
            (b"include_alias", _) => Some(Line::Strange(Strange::Alias)),
            (b"clang", b"module") => Some(Line::Strange(Strange::Module)),
            _ => None,
        }
    }

    /// The word that an identifier is.
    pub(crate) fn word(token: Token) -> Option<Word> {
        (token.kind == Kind::Identifier).then(|| Word::of(token.spelling))?
    }
}

/// `# 12 "name"`, what a preprocessor writes; numbers behind the name say that files begin and end.
fn marker(rest: &[u8]) -> Line {
    match rest.trim_ascii().last() {
        Some(b'"') | None => Line::Rename,
        Some(_) => Line::Strange(Strange::Marker),
    }
}

fn if_line(test: Test) -> Line {
    Line::If { test, next: 0 }
}

fn elif_line(test: Test) -> Line {
    Line::Elif {
        test,
        next: 0,
        end: 0,
    }
}

fn link(read: &mut [Line], before: Option<usize>, at: usize) {
    let before = before.and_then(|before| read.get_mut(before));
    if let Some(Line::If { next, .. } | Line::Elif { next, .. }) = before {
        *next = at;
    }
}

/// Whether a directive is one of the pragmas that change macros, and counts for one mention.
fn is_macro_pragma(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.strip_prefix(b"pragma")
        .map(<[u8]>::trim_ascii)
        .is_some_and(|rest| rest.starts_with(b"push_macro") || rest.starts_with(b"pop_macro"))
}
