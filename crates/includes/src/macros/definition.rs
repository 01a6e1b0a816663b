//! What `#define` says.

use crate::lex::{Kind, Token};
use crate::names::{Name, Names};
use crate::words::Word;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Macro {
    /// The names of its arguments, if it takes any; of `...` the name is `__VA_ARGS__`.
    pub(crate) parameters: Option<Box<[Name]>>,
    /// The last parameter takes all arguments that are left.
    pub(crate) is_variadic: bool,
    pub(crate) body: Box<[Token]>,
    /// Without arguments the body stays as it is: it has no `##` and no `__VA_OPT__`.
    pub(crate) is_plain: bool,
}

/// Reads `NAME body` or `NAME(parameters) body`; `None` if the compiler would complain.
pub(crate) fn define(tokens: &[Token], names: &mut Names) -> Option<(Name, Macro)> {
    let (name, rest) = tokens.split_first()?;
    if name.kind != Kind::Identifier {
        return None;
    }
    let spelled = |token: &Token, names: &Names| names.spelling(token.spelling).to_vec();
    let takes_arguments = rest
        .first()
        .is_some_and(|open| !open.is_spaced && names.spelling(open.spelling) == b"(");
    let (parameters, is_variadic, body) = if takes_arguments {
        let close = rest
            .iter()
            .position(|token| names.spelling(token.spelling) == b")")?;
        let mut parameters = Vec::new();
        let mut is_variadic = false;
        for token in &rest[1..close] {
            match (token.kind, spelled(token, names).as_slice()) {
                (Kind::Punctuator, b",") if !is_variadic => {}
                (Kind::Punctuator, b"...") if !is_variadic => {
                    is_variadic = true;
                    // `args...` names what `...` leaves to __VA_ARGS__.
                    let is_named = rest[1..close]
                        .iter()
                        .rev()
                        .nth(1)
                        .is_some_and(|before| before.kind == Kind::Identifier);
                    if !is_named {
                        parameters.push(names.name(b"__VA_ARGS__"));
                    }
                }
                (Kind::Identifier, _) if !is_variadic => parameters.push(token.spelling),
                _ => return None,
            }
        }
        (Some(parameters.into()), is_variadic, &rest[close + 1..])
    } else {
        (None, false, rest)
    };
    let mut body: Box<[Token]> = body.into();
    // Blanks before the body are no part of it.
    if let Some(first) = body.first_mut() {
        first.is_spaced = false;
    }
    let is_plain = !body.iter().any(|token| {
        matches!(names.spelling(token.spelling), b"##" | b"%:%:")
            || Word::of(token.spelling) == Some(Word::VariableOption)
    });
    let made = Macro {
        is_plain,
        parameters,
        is_variadic,
        body,
    };
    Some((name.spelling, made))
}
