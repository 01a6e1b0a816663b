//! Becoming a member and staying one: the authority's side ([`Office`]) and that of hosts ([`join`], [`ask`], [`Standing`]).
//!
//! One connection, one request. A host that joins has no certificate, and checks the authority's before it
//! says anything; members ask with their own.

mod ask;
mod office;
mod standing;
mod words;

use std::time::Duration;

use wire::message::{Ability, Capabilities, Hello};

pub use ask::{EnrolError, ask, join};
pub use office::Office;
pub use standing::{Papers, Schedulers, Standing};
pub use words::{Unfit, credentials, host_port, read_credentials, receive_list};

/// For everything on one connection to the authority.
const DEADLINE: Duration = Duration::from_secs(20);

/// What this program says first on every connection of floe's own protocol.
pub fn hello() -> Hello {
    let capabilities = Capabilities::default();
    Hello::new("floe", env!("CARGO_PKG_VERSION"), capabilities)
}

/// The same of an end that can do more than all do.
pub fn hello_of(abilities: &[Ability]) -> Hello {
    let capabilities = Capabilities::of(abilities);
    Hello {
        capabilities,
        ..hello()
    }
}
