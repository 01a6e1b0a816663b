//! Fields of messages: how each type stands on the wire, and what it accepts from there.
//!
//! Nothing from a peer gets past these constructors. Text for people is made harmless; everything
//! else is right or refused.

use job::{Digest, EnvironmentName, NodeName, Platform};

/// Why a field is refused: the names of the fields that lead to it, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct Invalid {
    path: String,
    why: String,
}

impl Invalid {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            why: why.into(),
        }
    }

    /// The same, seen from the message that has the field.
    #[must_use]
    pub(crate) fn within(mut self, field: &str) -> Self {
        self.path = if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{field}.{}", self.path)
        };
        self
    }
}

/// A type that may stand in a message.
pub trait Field: Sized {
    /// What prost reads and writes.
    type Wire;

    /// The only way from the wire.
    fn read(wire: Self::Wire) -> Result<Self, Invalid>;
    fn write(&self) -> Self::Wire;
    /// What it accepts, for the document.
    fn describe() -> String;
}

macro_rules! plain {
    ($($type:ty, $text:literal;)*) => {$(
        impl Field for $type {
            type Wire = Self;

            fn read(wire: Self) -> Result<Self, Invalid> {
                Ok(wire)
            }

            fn write(&self) -> Self {
                *self
            }

            fn describe() -> String {
                $text.to_owned()
            }
        }
    )*};
}

plain! {
    u32, "any number";
    u64, "any number";
    bool, "yes or no";
}

impl<T: Field> Field for Option<T> {
    type Wire = Option<T::Wire>;

    fn read(wire: Self::Wire) -> Result<Self, Invalid> {
        wire.map(T::read).transpose()
    }

    fn write(&self) -> Self::Wire {
        self.as_ref().map(T::write)
    }

    fn describe() -> String {
        format!("{}; may be absent", T::describe())
    }
}

/// A list of at most `MOST` entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const MOST: usize>(Vec<T>);

impl<T, const MOST: usize> List<T, MOST> {
    pub const MOST: usize = MOST;

    pub fn new(entries: Vec<T>) -> Result<Self, Invalid> {
        if entries.len() > MOST {
            let why = format!("{} entries, and at most {MOST} are possible", entries.len());
            return Err(Invalid::new(why));
        }
        Ok(Self(entries))
    }

    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MOST: usize> std::ops::Deref for List<T, MOST> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Field, const MOST: usize> Field for List<T, MOST> {
    type Wire = Vec<T::Wire>;

    fn read(wire: Self::Wire) -> Result<Self, Invalid> {
        if wire.len() > MOST {
            let why = format!("{} entries, and at most {MOST} are possible", wire.len());
            return Err(Invalid::new(why));
        }
        let entries: Result<Vec<T>, Invalid> = wire.into_iter().map(T::read).collect();
        entries.map(Self)
    }

    fn write(&self) -> Self::Wire {
        self.0.iter().map(T::write).collect()
    }

    fn describe() -> String {
        format!("at most {MOST}, each: {}", T::describe())
    }
}

/// Bytes without a meaning here, at most `MOST`. Not shown in logs: they may be secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Opaque<const MOST: usize>(Vec<u8>);

impl<const MOST: usize> Opaque<MOST> {
    pub fn new(bytes: Vec<u8>) -> Result<Self, Invalid> {
        if bytes.len() > MOST {
            let why = format!("{} bytes, and at most {MOST} are possible", bytes.len());
            return Err(Invalid::new(why));
        }
        Ok(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const MOST: usize> std::fmt::Debug for Opaque<MOST> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Opaque({} bytes)", self.0.len())
    }
}

impl<const MOST: usize> Field for Opaque<MOST> {
    type Wire = Vec<u8>;

    fn read(wire: Vec<u8>) -> Result<Self, Invalid> {
        Self::new(wire)
    }

    fn write(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn describe() -> String {
        format!("at most {MOST} bytes")
    }
}

/// Exactly `LENGTH` bytes. Not shown in logs: they may be secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Exactly<const LENGTH: usize>(pub [u8; LENGTH]);

impl<const LENGTH: usize> std::fmt::Debug for Exactly<LENGTH> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Exactly({LENGTH} bytes)")
    }
}

impl<const LENGTH: usize> Field for Exactly<LENGTH> {
    type Wire = Vec<u8>;

    fn read(wire: Vec<u8>) -> Result<Self, Invalid> {
        match wire.try_into() {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(Invalid::new(format!("not {LENGTH} bytes"))),
        }
    }

    fn write(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn describe() -> String {
        format!("{LENGTH} bytes")
    }
}

/// A line for people: what cannot be printed and what is beyond `MOST` characters is left out, so
/// it can forge no line of a log and is never a reason to refuse anything.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Line<const MOST: usize>(String);

impl<const MOST: usize> Line<MOST> {
    pub fn new(text: &str) -> Self {
        Self(
            text.chars()
                .filter(|c| !c.is_control())
                .take(MOST)
                .collect(),
        )
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> std::fmt::Display for Line<MOST> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl<const MOST: usize> Field for Line<MOST> {
    type Wire = String;

    fn read(wire: String) -> Result<Self, Invalid> {
        Ok(Self::new(&wire))
    }

    fn write(&self) -> String {
        self.0.clone()
    }

    fn describe() -> String {
        format!("text for people; what is not printable or beyond {MOST} characters is dropped")
    }
}

/// Types of the crate `job`.
impl Field for Digest {
    type Wire = Vec<u8>;

    fn read(wire: Vec<u8>) -> Result<Self, Invalid> {
        match <[u8; Self::LENGTH]>::try_from(wire) {
            Ok(bytes) => Ok(Self::from_bytes(bytes)),
            Err(wire) => Err(Invalid::new(format!("{} bytes are no digest", wire.len()))),
        }
    }

    fn write(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn describe() -> String {
        "the 32 bytes of a BLAKE3 digest".to_owned()
    }
}

macro_rules! parsed {
    ($($type:ty, $text:literal;)*) => {$(
        impl Field for $type {
            type Wire = String;

            fn read(wire: String) -> Result<Self, Invalid> {
                Self::parse(&wire).map_err(|bad| Invalid::new(bad.to_string()))
            }

            fn write(&self) -> String {
                self.as_str().to_owned()
            }

            fn describe() -> String {
                $text.to_owned()
            }
        }
    )*};
}

parsed! {
    EnvironmentName, "1 to 200 printable ASCII characters without space, slashes and quotes, not starting with a dot";
    Platform, "a platform as `uname -m` names it: 1 to 64 printable ASCII characters without space, slashes and quotes, not starting with a dot";
}
pub(crate) use parsed;

impl Field for NodeName {
    type Wire = String;

    fn read(wire: String) -> Result<Self, Invalid> {
        Ok(Self::display(&wire))
    }

    fn write(&self) -> String {
        self.as_str().to_owned()
    }

    fn describe() -> String {
        "a host's name for people; what is not printable or beyond 255 characters is dropped"
            .to_owned()
    }
}
