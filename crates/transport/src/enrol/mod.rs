//! Becoming a member and staying one: the authority's side ([`Office`]) and that of hosts ([`join`], [`ask`], [`Standing`]).
//!
//! One connection, one request. A host that joins has no certificate, and checks the authority's before it
//! says anything; members ask with their own.

mod ask;
mod office;
mod standing;
mod words;

use std::time::Duration;

use wire::message::{Capabilities, Capability, Hello};

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

/// Toolchains are taken by content.
pub const TOOLCHAINS: &str = "toolchains";

/// Jobs may read files of views.
pub const FILES: &str = "files";

/// Of files there may be no object wanted, or split debug information beside it.
pub const FILE_OUTPUTS: &str = "file-outputs";

/// Jobs of files may have a terminal for their errors.
pub const TERMINALS: &str = "terminals";

/// The same of an end that can do more than all do.
pub fn hello_of(names: &[&str]) -> Hello {
    let names = names.iter().filter_map(|name| Capability::parse(name).ok());
    let capabilities = Capabilities::new(names.collect()).unwrap_or_default();
    Hello {
        capabilities,
        ..hello()
    }
}
