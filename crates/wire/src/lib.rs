//! floe's own protocol without sockets, clocks, threads or TLS: what two members of a cluster say
//! to each other once somebody carries their bytes.
//!
//! A connection carries many streams, one for each request. [`Connection`] cuts what arrives into
//! [`frame`]s, keeps the other end to the rules, hands out [`Event`]s, and chooses what goes out
//! next: messages before bulk, bulk in turns, so that a large object delays nobody's reply.
//! [`message`] has what is said. `docs/protocol.md` is generated from the definitions here.
//!
//! Two releases understand each other by names of what they can do ([`message::Capabilities`]):
//! fields that are not known are passed over, a message of an unknown kind ends its stream only.

mod connection;
mod define;
pub mod document;
mod error;
pub mod field;
pub mod frame;
#[doc(hidden)]
pub mod fuzz;
pub mod grant;
mod id;
pub mod limits;
mod make;
pub mod message;
pub mod name;
mod proof;
pub mod view;

pub use connection::{Connection, Event, Held, ResetBy};
pub use define::{Choice, Definition, FieldDefinition};
pub use error::{Fault, Mistake, Owner};
pub use id::{ResetCode, Side, StreamId};
pub use limits::{Limits, Moment, Patience};
pub use proof::{Proof, ProofKey};
