//! The one definition of each message: struct, field numbers, constructor from the wire, and the
//! entry in the table from which the document is generated.

use crate::field::Field;

/// A message or a part of one, for the document.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The message's number; parts have none.
    pub number: Option<u16>,
    pub name: &'static str,
    /// Who sends it to whom, and where on a stream.
    pub way: &'static str,
    pub doc: &'static str,
    pub fields: &'static [FieldDefinition],
}

/// One field, for the document.
#[derive(Clone, Copy, Debug)]
pub struct FieldDefinition {
    pub number: u32,
    pub name: &'static str,
    /// Its type in the words of protobuf.
    pub wire: &'static str,
    /// What is accepted.
    pub accepts: fn() -> String,
    pub doc: &'static str,
}

/// An enum in messages, for the document.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub name: &'static str,
    pub doc: &'static str,
    pub values: &'static [(u32, &'static str)],
    /// What an unknown value is taken for.
    pub otherwise: Option<u32>,
}

/// What can be sent as a message.
pub trait Outgoing {
    /// The payload of its frame: its number in two bytes, then its body.
    fn payload(&self) -> Vec<u8>;
}

/// A message: something with a number and a body that prost reads and writes.
pub trait Body: Outgoing + Field<Wire: prost::Message + Default> {
    const NUMBER: u16;
    const DEFINITION: Definition;
}

pub(crate) fn payload<M: Body>(message: &M) -> Vec<u8> {
    let body = message.write();
    let mut payload = Vec::with_capacity(2 + prost::Message::encoded_len(&body));
    payload.extend_from_slice(&M::NUMBER.to_be_bytes());
    prost::Message::encode_raw(&body, &mut payload);
    payload
}

/// Defines what stands inside messages.
macro_rules! parts {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident {
            $($(#[doc = $field_doc:literal])+ $tag:tt ($($wire:tt)*) $field:ident: $type:ty;)*
        }
    )*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $field_doc])+ pub $field: $type,)*
        }

        impl $name {
            pub(crate) const FIELDS: &[$crate::define::FieldDefinition] = &[$(
                $crate::define::FieldDefinition {
                    number: $tag,
                    name: stringify!($field),
                    wire: stringify!($($wire)*),
                    accepts: <$type as $crate::field::Field>::describe,
                    doc: concat!($($field_doc),+),
                },
            )*];
            pub(crate) const ABOUT: &str = concat!($($doc),+);
        }

        const _: () = {
            #[allow(unreachable_pub, reason = "it has no name outside this block")]
            #[derive(Clone, PartialEq, prost::Message)]
            pub struct Raw {
                $(
                    #[prost($($wire)*, tag = $tag)]
                    pub $field: <$type as $crate::field::Field>::Wire,
                )*
            }

            impl $crate::field::Field for $name {
                type Wire = Raw;

                #[allow(unused_variables, reason = "messages without fields")]
                fn read(wire: Raw) -> Result<Self, $crate::field::Invalid> {
                    Ok(Self {
                        $($field: $crate::field::Field::read(wire.$field)
                            .map_err(|bad: $crate::field::Invalid| bad.within(stringify!($field)))?,)*
                    })
                }

                fn write(&self) -> Raw {
                    Raw { $($field: $crate::field::Field::write(&self.$field),)* }
                }

                fn describe() -> String {
                    let name = stringify!($name);
                    format!("[{name}](#{})", name.to_lowercase())
                }
            }
        };
    )*};
}
pub(crate) use parts;

/// Defines messages, each with its number and its way.
macro_rules! messages {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident = $number:literal, $way:literal { $($fields:tt)* }
    )*) => {
        $crate::define::parts! { $($(#[doc = $doc])+ $name { $($fields)* })* }

        $(
            impl $crate::define::Outgoing for $name {
                fn payload(&self) -> Vec<u8> {
                    $crate::define::payload(self)
                }
            }

            impl $crate::define::Body for $name {
                const NUMBER: u16 = $number;
                const DEFINITION: $crate::define::Definition = $crate::define::Definition {
                    number: Some($number),
                    name: stringify!($name),
                    way: $way,
                    doc: Self::ABOUT,
                    fields: Self::FIELDS,
                };
            }
        )*
    };
}
pub(crate) use messages;
