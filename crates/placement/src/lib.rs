//! The scheduler's brain: (now, event) to actions. It knows no socket, clock, thread or file.
//!
//! [`Cluster::apply`] takes one [`Event`] and changes the state; [`Cluster::place`] then gives
//! waiting jobs to hosts. Both append [`Action`]s for the adapter to carry out. The adapter may
//! apply many events before it places, so that a burst costs one pass over the queue.
//!
//! The rules are those of icecream's scheduler (protocols 43 and 44) where a peer could tell the difference, with these changes, each on purpose:
//!
//! - An eligible host with a free slot never idles while a job that it could take waits; slots
//!   beyond a host's own ("preload") are used only when no host has a free one and either so many
//!   jobs wait that the others' slots will not stand empty, or the way to the host is long.
//! - When all hosts that could take a job refuse work (load 1000), it waits for them for five
//!   seconds, and then its submitter compiles it.
//! - `fastest` treats hosts without statistics as average ones, ignores differences that are
//!   within the noise of its measurements, and takes turns among equals, so that equal hosts get
//!   equal shares.
//! - A host that installs a toolchain still gets jobs for the toolchains that it already has: an
//!   icecream daemon serves its other connections meanwhile, and counts the installation as one of
//!   its slots. Only a second installation waits for the first.
//! - The end of a job also ends its installation, so a client that dies before it sends the
//!   toolchain does not get a healthy host disconnected after two minutes.
//! - Jobs that members ask for themselves know of toolchains only what their own jobs showed; see `shown`.
//! - A new host gets jobs once its port has been reached, not before.

mod algorithm;
mod cluster;
mod event;
mod host;
mod index;
mod queue;
mod shown;
mod speed;
mod task;
mod wants;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use cluster::{Cluster, Settings, Unasked};
pub use event::{
    Action, Assignment, Begin, Dismissal, Event, Figures, Load, LocalBegin, Login, Member, Notice,
    Place, Report, Request, Time, WhyHome,
};
pub use host::{Host, Reach};
pub use task::{Stage, Task};
pub use wants::{Offer, Toolchain, Wants};
