//! `#` and `##`.

use crate::dialect::Dialect;
use crate::lex::{Kind, Token, tokens};
use crate::names::Names;

/// What two tokens are without anything between them: one token, or the two again if that is none.
pub(super) fn paste(left: Token, right: Token, dialect: Dialect, names: &mut Names) -> Vec<Token> {
    let mut spelling = names.spelling(left.spelling).to_vec();
    spelling.extend_from_slice(names.spelling(right.spelling));
    let mut pasted = tokens(&spelling, dialect, names);
    match pasted.as_mut_slice() {
        [one] => {
            one.is_spaced = left.is_spaced;
            pasted
        }
        _ => vec![left, right],
    }
}

/// An argument as a string.
pub(super) fn stringify(argument: &[Token], is_spaced: bool, names: &mut Names) -> Token {
    let mut text = vec![b'"'];
    for (index, token) in argument.iter().enumerate() {
        if token.is_spaced && index > 0 {
            text.push(b' ');
        }
        let escapes = matches!(token.kind, Kind::Text | Kind::Character);
        for byte in names.spelling(token.spelling) {
            if escapes && matches!(byte, b'"' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
    }
    text.push(b'"');
    Token {
        kind: Kind::Text,
        is_spaced,
        is_painted: false,
        spelling: names.name(&text),
    }
}
