//! Sequences of three characters that stand for one, in dialects that still have them.

use std::borrow::Cow;

use memchr::memmem;

/// The text as the compiler reads it: replaced before anything else, even lines are not joined yet.
pub(crate) fn replaced(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Vec::new();
    let mut taken = 0;
    let mut from = 0;
    while let Some(found) = memmem::find(&bytes[from..], b"??") {
        let at = from + found;
        match bytes.get(at + 2).copied().and_then(meant) {
            Some(one) => {
                text.extend_from_slice(&bytes[taken..at]);
                text.push(one);
                taken = at + 3;
                from = taken;
            }
            // Of three question marks the second and third may begin one.
            None => from = at + 1,
        }
    }
    if taken == 0 {
        return Cow::Borrowed(bytes);
    }
    text.extend_from_slice(&bytes[taken..]);
    Cow::Owned(text)
}

fn meant(last: u8) -> Option<u8> {
    Some(match last {
        b'=' => b'#',
        b'(' => b'[',
        b'/' => b'\\',
        b')' => b']',
        b'\'' => b'^',
        b'<' => b'{',
        b'!' => b'|',
        b'>' => b'}',
        b'-' => b'~',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sequence_is_one_character() {
        let all = b"??=??(??/??)??'??<??!??>??-";
        assert_eq!(&*replaced(all), b"#[\\]^{|}~");
        assert_eq!(&*replaced(b"a ????= ?? ??? ??"), b"a ??# ?? ??? ??");
        assert!(matches!(replaced(b"what??"), Cow::Borrowed(_)));
    }
}
