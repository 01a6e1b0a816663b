//! Headers whose names stand in a file, in whatever branch, and where each might be.
//!
//! They are more than what a compile asks for: whoever shows a compiler a part of the files has to
//! say of all of them whether they exist.

mod places;
#[cfg(test)]
mod tests;

use crate::block::{Include, Line, Operand, Test};
use crate::lex::{Kind, Token};
use crate::library::Library;
use crate::names::{Name, Names};
use crate::words::Word;
pub use places::Spellings;

/// A header as some directive or condition names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spelled {
    pub name: Name,
    pub is_angled: bool,
    /// It is looked for behind the place of the file that asks.
    pub is_next: bool,
}

/// What all lines of a file mention.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    pub(crate) spelled: Vec<Spelled>,
    /// A name is not written out.
    pub(crate) computes: bool,
    pub(crate) tests_embed: bool,
}

impl Mentions {
    pub(crate) fn of(lines: &[Line], library: &mut Library) -> Self {
        let mut mentions = Self::default();
        for line in lines {
            match line {
                Line::Include(kind, operand) => mentions.include(*kind, operand),
                Line::If { test, .. } | Line::Elif { test, .. } => {
                    if let Test::Expression(tokens) = test {
                        mentions.tests(tokens, &mut library.names);
                    }
                }
                Line::Define(_, id) => {
                    let definition = library.definition(*id);
                    mentions.tests(&definition.body, &mut library.names);
                }
                _ => {}
            }
        }
        mentions.spelled.sort_unstable();
        mentions.spelled.dedup();
        mentions
    }

    fn include(&mut self, kind: Include, operand: &Operand) {
        let (name, is_angled) = match operand {
            Operand::Quoted(name) => (*name, false),
            Operand::Angled(name) => (*name, true),
            Operand::Computed(_) => {
                self.computes = true;
                return;
            }
        };
        self.spelled.push(Spelled {
            name,
            is_angled,
            is_next: kind == Include::Next,
        });
    }

    /// `__has_include` and its kind in a condition, or in what a macro puts into one.
    fn tests(&mut self, tokens: &[Token], names: &mut Names) {
        for (at, token) in tokens.iter().enumerate() {
            let word = Library::word(*token);
            let is_next = match word {
                Some(Word::HasInclude) => false,
                Some(Word::HasIncludeNext) => true,
                Some(Word::HasEmbed) if !is_asked_after(&tokens[..at]) => {
                    self.tests_embed = true;
                    continue;
                }
                _ => continue,
            };
            let operand = tokens.get(at + 2);
            match operand.filter(|operand| operand.kind == Kind::Header) {
                Some(operand) => {
                    let spelling = names.spelling(operand.spelling).to_vec();
                    let inner = spelling.get(1..spelling.len() - 1).unwrap_or_default();
                    self.spelled.push(Spelled {
                        name: names.name(inner),
                        is_angled: spelling.first() == Some(&b'<'),
                        is_next,
                    });
                }
                None if is_asked_after(&tokens[..at]) => {}
                None => self.computes = true,
            }
        }
    }
}

/// Whether `defined` or `defined (` stands before: the operator itself is asked after.
fn is_asked_after(before: &[Token]) -> bool {
    let is = |token: &Token, word| Word::of(token.spelling) == Some(word);
    match before {
        [.., last] if is(last, Word::Defined) => true,
        [.., defined, open] => is(defined, Word::Defined) && is(open, Word::Open),
        _ => false,
    }
}
