//! TCP, TLS and Unix streams that carry icecream's messages, and the UDP side of finding a scheduler.
//!
//! A [`Channel`] is one connection after the handshake. It receives without losing bytes when a
//! `select` drops the wait, sends with a deadline on progress, and its errors say whose fault they
//! are. Socket options and waits are those that icecream 1.4 shows under strace.

pub mod bulk;
mod channel;
mod complaints;
mod discovery;
mod enrol;
mod error;
mod gate;
mod halves;
mod interfaces;
mod link;
mod listen;
mod lobby;
mod look;
mod options;
mod pin;
mod resolve;
mod scheduler;
mod secure;
mod stream;

pub use channel::{Channel, Options, connect_tcp_stream};
pub use complaints::{Complaints, Unsaid};
pub use discovery::{Found, UdpDiscovery, best, broadcast};
pub use enrol::{
    EnrolError, Office, Papers, Schedulers, Standing, Unfit, ask, credentials, hello, hello_of,
    host_port, join, read_credentials, receive_list,
};
pub use error::{ListenError, TransportError};
pub use gate::{Admitted, Gate, Mixed, Passport};
pub use halves::{Receiver, Sender, Sent};
pub use icecream::Fault;
pub use interfaces::{InterfaceError, Reach, broadcast_addresses, interface_address};
pub use link::{Arrivals, Exchange, Incoming, Link, LinkError};
pub use listen::{
    accept_tcp, accept_unix, bind_udp, listen_all, listen_everywhere, listen_tcp, listen_unix,
};
pub use lobby::{Guest, Lobby};
pub use look::{LookError, Overview, look};
pub use pin::{pin_to, pinned};
pub use resolve::{HostPort, resolve};
pub use scheduler::connect_scheduler;
pub use secure::is_native;
pub use stream::{Endpoint, Stream};
