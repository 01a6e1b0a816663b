//! The primitive encodings: big-endian words, strings that count their NUL, lists. A [`Reader`] cannot leave the frame it was made for.

use crate::Version;
use crate::error::Malformed;
use crate::message::Environment;

/// No list of a well-meant message is longer: command lines are bounded by the frame of 1 MiB.
const MAX_LIST: usize = 65_536;

/// Reads the fields of one message body.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    version: Version,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8], version: Version) -> Self {
        Self {
            rest: body,
            version,
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The next `length` bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn word(&mut self) -> Result<u32, Malformed> {
        let (word, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*word))
    }

    /// A string up to the NUL that ends it, NULs before that included. Length 0 reads as empty.
    pub(crate) fn whole_string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.word()?).map_err(|_| Malformed::Truncated)?;
        if length == 0 {
            return Ok(&[]);
        }
        match self.bytes(length)?.split_last() {
            Some((0, text)) => Ok(text),
            _ => Err(Malformed::Unterminated),
        }
    }

    /// A string as icecream reads it: what follows the first NUL is not part of it.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        Ok(before_nul(self.whole_string()?))
    }

    /// A list whose entries take at least `smallest` bytes each.
    fn list<T: Field>(&mut self, smallest: usize) -> Result<Vec<T>, Malformed> {
        let announced = self.word()?;
        let count = usize::try_from(announced).unwrap_or(usize::MAX);
        if count > MAX_LIST || count > self.rest.len() / smallest {
            return Err(Malformed::ListTooLong(announced));
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(T::take(self)?);
        }
        Ok(entries)
    }

    /// Ends the message: every byte must have been read.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            surplus => Err(Malformed::Surplus(surplus)),
        }
    }
}

/// Appends the fields of one message body.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    version: Version,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, version: Version) -> Self {
        Self { out, version }
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn word(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    /// A length or a count. What does not fit in 32 bits makes a frame far above the limit, and
    /// that is refused when the frame is closed.
    pub(crate) fn length(&mut self, length: usize) {
        self.word(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// A string with whatever it holds.
    pub(crate) fn whole_string(&mut self, text: &[u8]) {
        self.length(text.len().saturating_add(1));
        self.bytes(text);
        self.out.push(0);
    }

    /// A string up to its first NUL: the receiver would drop the rest.
    pub(crate) fn string(&mut self, text: &[u8]) {
        self.whole_string(before_nul(text));
    }

    fn list<T: Field>(&mut self, entries: &[T]) {
        self.length(entries.len());
        for entry in entries {
            entry.put(self);
        }
    }
}

fn before_nul(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(text.len());
    &text[..end]
}

/// A value with one encoding in all versions.
pub(crate) trait Field: Sized {
    fn put(&self, to: &mut Writer<'_>);
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

impl Field for u32 {
    fn put(&self, to: &mut Writer<'_>) {
        to.word(*self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.word()
    }
}

impl Field for i32 {
    fn put(&self, to: &mut Writer<'_>) {
        to.word(self.cast_unsigned());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.word().map(u32::cast_signed)
    }
}

impl Field for bool {
    fn put(&self, to: &mut Writer<'_>) {
        to.word(u32::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.word().map(|word| word != 0)
    }
}

impl Field for String {
    fn put(&self, to: &mut Writer<'_>) {
        to.string(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.string()
            .map(|text| Self::from_utf8_lossy(text).into_owned())
    }
}

impl Field for Vec<u8> {
    fn put(&self, to: &mut Writer<'_>) {
        to.string(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.string().map(<[u8]>::to_vec)
    }
}

impl Field for Vec<Vec<u8>> {
    fn put(&self, to: &mut Writer<'_>) {
        to.list(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.list(4)
    }
}

impl Field for Environment {
    fn put(&self, to: &mut Writer<'_>) {
        self.platform.put(to);
        self.name.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            platform: String::take(from)?,
            name: String::take(from)?,
        })
    }
}

impl Field for Vec<Environment> {
    fn put(&self, to: &mut Writer<'_>) {
        to.list(self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.list(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> Reader<'_> {
        Reader::new(bytes, Version::MAX)
    }

    #[test]
    fn a_string_ends_at_its_first_nul() {
        assert_eq!(reader(b"\0\0\0\x04a\0b\0").string(), Ok(&b"a"[..]));
        assert_eq!(reader(b"\0\0\0\x04a\0b\0").whole_string(), Ok(&b"a\0b"[..]));
        assert_eq!(reader(b"\0\0\0\0").string(), Ok(&b""[..]));
        assert_eq!(
            reader(b"\0\0\0\x02ab").string(),
            Err(Malformed::Unterminated)
        );
        assert_eq!(reader(b"\0\0\0\x03a\0").string(), Err(Malformed::Truncated));
        assert_eq!(
            reader(b"\xff\xff\xff\xff").string(),
            Err(Malformed::Truncated)
        );
    }

    #[test]
    fn a_list_cannot_announce_more_than_fits() {
        let short = Vec::<Vec<u8>>::take(&mut reader(b"\0\0\0\x02\0\0\0\0\0\0\0"));
        assert_eq!(short, Err(Malformed::ListTooLong(2)));
        let long = Vec::<Environment>::take(&mut reader(b"\xff\xff\xff\xff"));
        assert_eq!(long, Err(Malformed::ListTooLong(u32::MAX)));
        let many = [&65_537_u32.to_be_bytes()[..], &vec![0; 4 * 65_537]].concat();
        assert_eq!(
            Vec::<Vec<u8>>::take(&mut reader(&many)),
            Err(Malformed::ListTooLong(65_537))
        );
    }
}
