//! Makes types for fields: numbers with a range, and choices.

/// Makes a whole number with a range and a meaning.
macro_rules! numbers {
    ($($(#[doc = $doc:literal])+ $name:ident: $raw:ty = $least:expr => $most:expr;)*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($raw);

        impl $name {
            pub const LEAST: Self = Self($least);
            pub const MOST: Self = Self($most);

            pub fn new(number: $raw) -> Result<Self, $crate::field::Invalid> {
                if (Self::LEAST.0..=Self::MOST.0).contains(&number) {
                    Ok(Self(number))
                } else {
                    Err($crate::field::Invalid::new(format!(
                        "{number} is out of range: {} to {} are possible", Self::LEAST.0, Self::MOST.0
                    )))
                }
            }

            pub fn get(self) -> $raw {
                self.0
            }
        }

        impl $crate::field::Field for $name {
            type Wire = $raw;

            fn read(wire: $raw) -> Result<Self, $crate::field::Invalid> {
                Self::new(wire)
            }

            fn write(&self) -> $raw {
                self.0
            }

            fn describe() -> String {
                if Self::MOST.0 == <$raw>::MAX {
                    format!("a number, at least {}", Self::LEAST.0)
                } else {
                    format!("{} to {}", Self::LEAST.0, Self::MOST.0)
                }
            }
        }
    )*};
}
pub(crate) use numbers;

/// Makes an enum. An unknown value is read as the last name, or refused if there is none after `else`.
macro_rules! choices {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $number:literal;)* }
        $(else $fallback:ident)?
    )*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $vdoc])+ $variant = $number,)* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            pub(crate) const DEFINITION: $crate::define::Choice = $crate::define::Choice {
                name: stringify!($name),
                doc: concat!($($doc),+),
                values: &[$(($number, concat!($($vdoc),+))),*],
                otherwise: [$(Some(Self::$fallback as u32),)? None][0],
            };
        }

        impl $crate::field::Field for $name {
            type Wire = u32;

            fn read(wire: u32) -> Result<Self, $crate::field::Invalid> {
                let fallback: Option<Self> = None$(.or(Some(Self::$fallback)))?;
                match wire {
                    $($number => Ok(Self::$variant),)*
                    other => fallback.ok_or_else(|| {
                        $crate::field::Invalid::new(format!("{other} is not known here"))
                    }),
                }
            }

            fn write(&self) -> u32 {
                *self as u32
            }

            fn describe() -> String {
                let name = stringify!($name);
                format!("[{name}](#{})", name.to_lowercase())
            }
        }
    )*};
}
pub(crate) use choices;
