//! Values of `#if`: integers of 64 bits with the compilers' rules for signs.

use super::Doubt;
use crate::words::Word;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) bits: u64,
    pub(super) is_unsigned: bool,
}

impl Value {
    pub(super) const fn signed(value: i64) -> Self {
        Self {
            bits: value.cast_unsigned(),
            is_unsigned: false,
        }
    }

    pub(super) fn truth(value: bool) -> Self {
        Self::signed(i64::from(value))
    }

    /// The value behind `!`, `~`, `-` or `+`.
    pub(super) fn with(self, prefix: Word) -> Self {
        match prefix {
            Word::Bang => Self::truth(!self.is_true()),
            Word::Tilde => Self {
                bits: !self.bits,
                ..self
            },
            Word::Minus => Self {
                bits: self.bits.wrapping_neg(),
                ..self
            },
            _ => self,
        }
    }

    pub(super) fn is_true(self) -> bool {
        self.bits != 0
    }

    fn as_signed(self) -> i64 {
        self.bits.cast_signed()
    }
}

pub(super) fn apply(
    operator: Word,
    left: Value,
    right: Value,
    counts: bool,
) -> Result<Value, Doubt> {
    let is_unsigned = left.is_unsigned || right.is_unsigned;
    let (a, b) = (left.bits, right.bits);
    let (s, t) = (left.as_signed(), right.as_signed());
    let less = if is_unsigned { a < b } else { s < t };
    let number = |bits| Value { bits, is_unsigned };
    Ok(match operator {
        Word::Either => Value::truth(left.is_true() || right.is_true()),
        Word::Both => Value::truth(left.is_true() && right.is_true()),
        Word::Bar => number(a | b),
        Word::Caret => number(a ^ b),
        Word::Ampersand => number(a & b),
        Word::Equal => Value::truth(a == b),
        Word::Unequal => Value::truth(a != b),
        Word::Less => Value::truth(less),
        Word::AtLeast => Value::truth(!less),
        Word::Greater => Value::truth(!less && a != b),
        Word::AtMost => Value::truth(less || a == b),
        Word::ShiftLeft | Word::ShiftRight => shift(operator == Word::ShiftLeft, left, right),
        Word::Plus => number(a.wrapping_add(b)),
        Word::Minus => number(a.wrapping_sub(b)),
        Word::Star => number(a.wrapping_mul(b)),
        _ if b == 0 => {
            if counts {
                return Err(Doubt::Condition);
            }
            number(0)
        }
        Word::Slash if is_unsigned => number(a / b),
        Word::Slash => number(s.wrapping_div(t).cast_unsigned()),
        _ if is_unsigned => number(a % b),
        _ => number(s.wrapping_rem(t).cast_unsigned()),
    })
}

/// The sign of what is shifted is the left one's; a negative count shifts the other way.
fn shift(is_left: bool, value: Value, count: Value) -> Value {
    let backwards = !count.is_unsigned && count.as_signed() < 0;
    let distance = if backwards {
        count.bits.wrapping_neg()
    } else {
        count.bits
    };
    let bits = match (is_left != backwards, value.is_unsigned) {
        (true, _) if distance >= 64 => 0,
        (true, _) => value.bits << distance,
        (false, true) if distance >= 64 => 0,
        (false, true) => value.bits >> distance,
        (false, false) => (value.as_signed() >> distance.min(63)).cast_unsigned(),
    };
    Value { bits, ..value }
}

pub(super) fn number(spelling: &[u8]) -> Result<Value, Doubt> {
    let text: Vec<u8> = spelling
        .iter()
        .filter(|byte| **byte != b'\'')
        .copied()
        .collect();
    let (radix, digits) = match text.as_slice() {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest),
        all => (10, all),
    };
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let length = digits
        .iter()
        .position(|byte| !is_digit(byte))
        .unwrap_or(digits.len());
    let suffix = digits[length..].to_ascii_lowercase();
    let is_unsigned = match suffix.as_slice() {
        b"" | b"l" | b"ll" | b"z" => false,
        b"u" | b"ul" | b"ull" | b"lu" | b"llu" | b"uz" | b"zu" => true,
        _ => return Err(Doubt::Condition),
    };
    if length == 0 && radix != 8 {
        return Err(Doubt::Condition);
    }
    let mut bits = 0_u64;
    for byte in &digits[..length] {
        let digit = char::from(*byte).to_digit(radix).unwrap_or(0);
        bits = bits
            .checked_mul(u64::from(radix))
            .and_then(|bits| bits.checked_add(u64::from(digit)))
            .ok_or(Doubt::Condition)?;
    }
    Ok(Value {
        bits,
        // What has no room among signed numbers is unsigned, whatever the standard says of decimals.
        is_unsigned: is_unsigned || bits > i64::MAX.cast_unsigned(),
    })
}

/// One character in quotes: of ASCII as such, or any byte by its number.
pub(super) fn character(quoted: &[u8]) -> Option<u8> {
    let inner = quoted.strip_prefix(b"'")?.strip_suffix(b"'")?;
    match inner {
        [plain] if *plain != b'\\' => plain.is_ascii().then_some(*plain),
        [b'\\', b'x', digits @ ..] => by_number(digits, 16),
        [b'\\', digits @ ..] if digits.len() <= 3 && digits.first()?.is_ascii_digit() => {
            by_number(digits, 8)
        }
        [b'\\', letter] => Some(match letter {
            b'a' => 0x07,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'r' => b'\r',
            b'\\' | b'\'' | b'"' | b'?' => *letter,
            _ => return None,
        }),
        _ => None,
    }
}

fn by_number(digits: &[u8], radix: u32) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    // A sign would be another character.
    let is_number = text.chars().all(|digit| digit.is_digit(radix));
    let number = is_number.then(|| u8::from_str_radix(text, radix));
    number?.ok()
}
