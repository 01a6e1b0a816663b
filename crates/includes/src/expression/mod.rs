//! The expressions of `#if`.
//!
//! What only the compiler knows (`__has_builtin` and its kind) is asked of the caller.

mod value;

use thiserror::Error;

use crate::block::Strange;
use crate::lex::{Kind, Token};
use crate::library::Library;
use crate::macros::{Expander, Lack};
use crate::names::Name;
use crate::words::Word;
use value::{Value, apply, character, number};

/// Deeper nesting than any header has.
const MOST_DEPTH: usize = 200;

/// What an expression's value depends on beyond its macros.
pub(crate) trait World {
    /// Whether `#include` would find a header.
    fn has(
        &mut self,
        name: Name,
        is_angled: bool,
        is_next: bool,
        library: &Library,
    ) -> Result<bool, Doubt>;

    /// Whether it looks even where the answer does not count (clang 14 does, gcc 12 does not).
    fn looks_in_vain(&self) -> bool;

    /// The value of one of the compiler's own operators.
    fn answer(&mut self, word: Word, operand: &[u8]) -> i64;

    /// Whether `#ifdef` finds a name that nothing defines.
    fn is_predefined(&self, word: Word) -> bool;
}

/// Why a value is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Doubt {
    #[error(transparent)]
    Lack(#[from] Lack),
    #[error(transparent)]
    Strange(#[from] Strange),
    #[error("a condition is not one")]
    Condition,
    #[error("an operand has a character whose value depends on the target")]
    Character,
    #[error("what is at the place of a header cannot be read")]
    Unreadable,
    #[error("clang's versions differ in where #include_next goes on")]
    Next,
    #[error("another file than the compiler said is read before the source")]
    Prelude,
    #[error("a header is not found")]
    Missing,
    #[error("files include each other too deeply")]
    TooDeep,
    #[error("text that is not read here may change macros")]
    Pragma,
}

/// Whether the condition holds.
pub(crate) fn holds(expander: Expander<'_>, world: &mut dyn World) -> Result<bool, Doubt> {
    let mut parser = Parser {
        expander,
        world,
        ahead: None,
        depth: 0,
    };
    let value = parser.conditional(true)?;
    match parser.peek()? {
        None => Ok(value.is_true()),
        Some(_) => Err(Doubt::Condition),
    }
}

struct Parser<'a, 'w> {
    expander: Expander<'a>,
    world: &'w mut dyn World,
    ahead: Option<Token>,
    depth: usize,
}

/// Operators of two operands by how tightly they bind, the loosest first.
fn binding(operator: Word) -> Option<u8> {
    Some(match operator {
        Word::Either => 1,
        Word::Both => 2,
        Word::Bar => 3,
        Word::Caret => 4,
        Word::Ampersand => 5,
        Word::Equal | Word::Unequal => 6,
        Word::Less | Word::Greater | Word::AtMost | Word::AtLeast => 7,
        Word::ShiftLeft | Word::ShiftRight => 8,
        Word::Plus | Word::Minus => 9,
        Word::Star | Word::Slash | Word::Percent => 10,
        _ => return None,
    })
}

impl Parser<'_, '_> {
    fn peek(&mut self) -> Result<Option<Token>, Doubt> {
        if self.ahead.is_none() {
            self.ahead = self.expander.next()?;
        }
        Ok(self.ahead)
    }

    fn take(&mut self) -> Result<Option<Token>, Doubt> {
        let token = self.peek()?;
        self.ahead = None;
        Ok(token)
    }

    fn spelled(&mut self, token: Token) -> Vec<u8> {
        self.expander
            .library()
            .names
            .spelling(token.spelling)
            .to_vec()
    }

    /// The operator that is next, if one is. Names are operators in C++ only.
    fn operator(&mut self) -> Result<Option<Word>, Doubt> {
        let Some(token) = self.peek()? else {
            return Ok(None);
        };
        let word = Word::of(token.spelling);
        Ok(match token.kind {
            Kind::Punctuator => word,
            Kind::Identifier if self.expander.library().dialect().is_cplusplus => {
                word.and_then(Word::as_operator)
            }
            _ => None,
        })
    }

    fn takes(&mut self, wanted: Word) -> Result<bool, Doubt> {
        let found = self.operator()? == Some(wanted);
        if found {
            self.ahead = None;
        }
        Ok(found)
    }

    fn conditional(&mut self, counts: bool) -> Result<Value, Doubt> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Doubt::Condition);
        }
        let mut value = self.binary(1, counts)?;
        if self.takes(Word::Query)? {
            let truth = value.is_true();
            let yes = self.conditional(counts && truth)?;
            if !self.takes(Word::Colon)? {
                return Err(Doubt::Condition);
            }
            let no = self.conditional(counts && !truth)?;
            value = if truth { yes } else { no };
            value.is_unsigned = yes.is_unsigned || no.is_unsigned;
        } else if self.takes(Word::Comma)? {
            value = self.conditional(counts)?;
        }
        self.depth -= 1;
        Ok(value)
    }

    /// Operators that bind at least so tightly. What does not count may divide by zero.
    fn binary(&mut self, least: u8, counts: bool) -> Result<Value, Doubt> {
        let mut left = self.unary(counts)?;
        loop {
            let Some(operator) = self.operator()? else {
                return Ok(left);
            };
            let Some(binds) = binding(operator).filter(|binds| *binds >= least) else {
                return Ok(left);
            };
            self.ahead = None;
            let right_counts = match binds {
                1 => counts && !left.is_true(),
                2 => counts && left.is_true(),
                _ => counts,
            };
            let right = self.binary(binds + 1, right_counts)?;
            left = apply(operator, left, right, right_counts)?;
        }
    }

    fn unary(&mut self, counts: bool) -> Result<Value, Doubt> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Doubt::Condition);
        }
        let value = self.operand(counts)?;
        self.depth -= 1;
        Ok(value)
    }

    fn operand(&mut self, counts: bool) -> Result<Value, Doubt> {
        if let Some(operator) = self.operator()? {
            if matches!(
                operator,
                Word::Bang | Word::Tilde | Word::Minus | Word::Plus
            ) {
                self.ahead = None;
                let value = self.unary(counts)?;
                return Ok(value.with(operator));
            }
            if operator == Word::Open {
                self.ahead = None;
                let value = self.conditional(counts)?;
                return match self.takes(Word::Close)? {
                    true => Ok(value),
                    false => Err(Doubt::Condition),
                };
            }
        }
        let token = self.take()?.ok_or(Doubt::Condition)?;
        match token.kind {
            Kind::Number => number(self.expander.library().names.spelling(token.spelling)),
            Kind::Character => {
                let spelling = self.spelled(token);
                self.character(&spelling)
            }
            Kind::Identifier => self.identifier(token, counts),
            _ => Err(Doubt::Condition),
        }
    }

    fn identifier(&mut self, token: Token, counts: bool) -> Result<Value, Doubt> {
        let Some(word) = Library::word(token) else {
            return Ok(Value::signed(0));
        };
        let dialect = self.expander.library().dialect();
        match word {
            Word::Defined => self.defined(),
            Word::True => Ok(Value::truth(dialect.is_cplusplus || dialect.knows_truth)),
            Word::HasInclude | Word::HasIncludeNext => {
                if !self.world.is_predefined(word) {
                    return Ok(Value::signed(0));
                }
                self.has_include(word == Word::HasIncludeNext, counts)
            }
            Word::HasEmbed | Word::BuildingModule => Err(Doubt::Condition),
            word if word.is_question() && self.world.is_predefined(word) => self.question(word),
            _ => Ok(Value::signed(0)),
        }
    }

    /// Characters have their type's sign, which the compiler's own macros tell.
    fn character(&mut self, spelling: &[u8]) -> Result<Value, Doubt> {
        let quote = spelling.iter().position(|byte| *byte == b'\'').unwrap_or(0);
        let (encoding, quoted) = spelling.split_at(quote);
        let is_unsigned = match encoding {
            b"" => self.is_defined(b"__CHAR_UNSIGNED__"),
            b"L" => self.is_defined(b"__WCHAR_UNSIGNED__"),
            b"u" | b"U" => true,
            // Its type has changed with the standards.
            _ => return Err(Doubt::Character),
        };
        let value = character(quoted).ok_or(Doubt::Character)?;
        if value.is_ascii() {
            return Ok(Value {
                bits: u64::from(value),
                is_unsigned,
            });
        }
        // Of other types than a signed `char` compilers make different things.
        match encoding {
            b"" if !is_unsigned => Ok(Value::signed(i64::from(value.cast_signed()))),
            _ => Err(Doubt::Character),
        }
    }

    fn is_defined(&mut self, macro_name: &[u8]) -> bool {
        let name = self.expander.library().names.name(macro_name);
        self.expander.is_defined(name)
    }

    /// `defined X` and `defined(X)`, whose operand is no macro to be expanded.
    fn defined(&mut self) -> Result<Value, Doubt> {
        let mut token = self.expander.raw()?.ok_or(Doubt::Condition)?;
        let is_enclosed = Word::of(token.spelling) == Some(Word::Open);
        if is_enclosed {
            token = self.expander.raw()?.ok_or(Doubt::Condition)?;
        }
        if token.kind != Kind::Identifier {
            return Err(Doubt::Condition);
        }
        if is_enclosed {
            let close = self.expander.raw()?.ok_or(Doubt::Condition)?;
            if Word::of(close.spelling) != Some(Word::Close) {
                return Err(Doubt::Condition);
            }
        }
        let is_defined = self.expander.is_defined(token.spelling)
            || Library::word(token).is_some_and(|word| self.world.is_predefined(word));
        Ok(Value::truth(is_defined))
    }

    fn has_include(&mut self, is_next: bool, counts: bool) -> Result<Value, Doubt> {
        if !self.takes(Word::Open)? {
            return Err(Doubt::Condition);
        }
        let first = self.take()?.ok_or(Doubt::Condition)?;
        let mut spelling = self.spelled(first);
        if matches!(spelling.as_slice(), b"<") {
            // A macro has given the name in pieces.
            loop {
                let token = self.take()?.ok_or(Doubt::Condition)?;
                if token.is_spaced {
                    spelling.push(b' ');
                }
                let piece = self.spelled(token);
                spelling.extend_from_slice(&piece);
                if piece == b">" {
                    break;
                }
            }
        }
        let is_angled = match (spelling.first(), spelling.last()) {
            (Some(b'<'), Some(b'>')) => true,
            (Some(b'"'), Some(b'"')) if spelling.len() >= 2 => false,
            _ => return Err(Doubt::Condition),
        };
        if !self.takes(Word::Close)? {
            return Err(Doubt::Condition);
        }
        if !counts && !self.world.looks_in_vain() {
            return Ok(Value::signed(0));
        }
        let library = self.expander.library();
        let name = library.names.name(&spelling[1..spelling.len() - 1]);
        self.world
            .has(name, is_angled, is_next, library)
            .map(Value::truth)
    }

    /// `__has_attribute(x)` and its kind; the operand is spelled as it is after macros.
    fn question(&mut self, word: Word) -> Result<Value, Doubt> {
        if !self.takes(Word::Open)? {
            return Err(Doubt::Condition);
        }
        let mut operand = Vec::new();
        let mut depth = 0_usize;
        loop {
            // clang expands no macro here, gcc does in attributes; both read names like `noreturn`
            // that headers also define. Whoever defines such a name asks for another answer.
            let token = match self.ahead.take() {
                Some(token) => token,
                None => self.expander.raw()?.ok_or(Doubt::Condition)?,
            };
            let is_macro =
                token.kind == Kind::Identifier && self.expander.is_defined(token.spelling);
            if is_macro {
                return Err(Doubt::Condition);
            }
            let piece = self.spelled(token);
            match piece.as_slice() {
                b")" if depth == 0 => break,
                b")" => depth -= 1,
                b"(" => depth += 1,
                _ => {}
            }
            operand.extend_from_slice(&piece);
        }
        Ok(Value::signed(self.world.answer(word, &operand)))
    }
}
