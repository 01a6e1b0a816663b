//! A macro's body with its arguments in their places.

use super::Macro;
use super::expand::{Expander, Lack};
use super::paste::{paste, stringify};
use crate::lex::{Kind, Token};
use crate::names::Name;
use crate::words::Word;

/// A body that is being filled.
pub(super) struct Body<'m> {
    pub(super) made: &'m Macro,
    pub(super) arguments: &'m [Vec<Token>],
    pub(super) out: Vec<Token>,
    /// `##` stood before what comes next.
    pub(super) pastes: bool,
}

impl Body<'_> {
    pub(super) fn fill(&mut self, body: &[Token], expander: &mut Expander<'_>) -> Result<(), Lack> {
        let mut at = 0;
        while let Some(&token) = body.get(at) {
            at += 1;
            let next = body.get(at).copied();
            if is_pasting(token, expander) && !self.out_is_fresh(at) {
                self.pastes = true;
                continue;
            }
            if self.is_stringifying(token, expander)
                && let Some(index) = next.and_then(|next| self.parameter(next))
            {
                let names = &mut expander.library.names;
                let text = stringify(&self.arguments[index], token.is_spaced, names);
                at += 1;
                self.put(&[text], expander);
                continue;
            }
            if Word::of(token.spelling) == Some(Word::VariableOption) && self.made.is_variadic {
                let length = parenthesised(&body[at..], expander).ok_or(Lack::Arguments)?;
                let last = self.arguments.last().map_or(&[][..], Vec::as_slice);
                if expander.expanded(last)?.is_empty() {
                    self.pastes = false;
                } else {
                    self.fill(&body[at + 1..at + length - 1], expander)?;
                }
                at += length;
                continue;
            }
            let Some(index) = self.parameter(token) else {
                self.put(&[token], expander);
                continue;
            };
            let argument = &self.arguments[index];
            let before_paste = next.is_some_and(|next| is_pasting(next, expander));
            if self.pastes && self.ends_in_comma(expander) && self.is_rest(index) {
                // `, ## __VA_ARGS__`: the comma goes where nothing follows, and nothing is pasted.
                self.pastes = false;
                if argument.is_empty() {
                    self.out.pop();
                } else {
                    self.out.extend_from_slice(argument);
                }
                continue;
            }
            let mut filled = if self.pastes || before_paste {
                argument.clone()
            } else {
                expander.expanded(argument)?
            };
            if let Some(first) = filled.first_mut() {
                first.is_spaced = token.is_spaced;
            }
            if filled.is_empty() {
                // Nothing takes part in a paste: what stands on its other side stays as it is.
                if before_paste {
                    at += 1;
                } else {
                    self.pastes = false;
                }
                continue;
            }
            self.put(&filled, expander);
        }
        Ok(())
    }

    /// `##` at a body's very beginning pastes nothing.
    fn out_is_fresh(&self, at: usize) -> bool {
        at == 1 && self.out.is_empty()
    }

    fn is_stringifying(&self, token: Token, expander: &Expander<'_>) -> bool {
        self.made.parameters.is_some()
            && token.kind == Kind::Punctuator
            && matches!(
                expander.library.names.spelling(token.spelling),
                b"#" | b"%:"
            )
    }

    fn parameter(&self, token: Token) -> Option<usize> {
        let parameters = self.made.parameters.as_ref()?;
        let is_it = |name: &Name| token.kind == Kind::Identifier && *name == token.spelling;
        parameters.iter().position(is_it)
    }

    fn is_rest(&self, index: usize) -> bool {
        self.made.is_variadic && index + 1 == self.arguments.len()
    }

    fn ends_in_comma(&self, expander: &Expander<'_>) -> bool {
        let last = self.out.last();
        last.is_some_and(|last| expander.library.names.spelling(last.spelling) == b",")
    }

    fn put(&mut self, tokens: &[Token], expander: &mut Expander<'_>) {
        let mut tokens = tokens;
        if std::mem::take(&mut self.pastes)
            && let (Some(left), Some((right, rest))) = (self.out.pop(), tokens.split_first())
        {
            let dialect = expander.library.dialect();
            let pasted = paste(left, *right, dialect, &mut expander.library.names);
            self.out.extend(pasted);
            tokens = rest;
        }
        self.out.extend_from_slice(tokens);
    }
}

fn is_pasting(token: Token, expander: &Expander<'_>) -> bool {
    token.kind == Kind::Punctuator
        && matches!(
            expander.library.names.spelling(token.spelling),
            b"##" | b"%:%:"
        )
}

/// The length of `( … )` at the beginning.
fn parenthesised(tokens: &[Token], expander: &Expander<'_>) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match expander.library.names.spelling(token.spelling) {
            b"(" => depth += 1,
            b")" if depth == 1 => return Some(index + 1),
            b")" => depth = depth.checked_sub(1)?,
            _ if index == 0 => return None,
            _ => {}
        }
    }
    None
}
