//! Clusters of network namespaces with delay, rate, loss and faults, for tests and benches.
//!
//! A [`Lab`] holds hosts on one machine, in one of two forms behind the same types:
//!
//! * **namespaces** (root): each host is a set of namespaces (network, mount, uts, pid, ipc) with
//!   its own address on a bridge that no interface of the machine touches, its own `/run`,
//!   `/tmp`, `/var/tmp` and `/var/cache`, CPU accounting by cgroup and a load view of its own;
//! * **loopback** (anybody): hosts are directories, ports and environment variables on 127.0.0.1.
//!
//! [`Cluster`] puts a scheduler and daemons on such hosts, floe's or Debian's icecream.
//!
//! Everything started in a lab ends with it, also when the process that holds it is killed: a
//! namespace host's first process waits at a pipe that this process holds.
//!
//! Needs util-linux (`unshare`, `nsenter`) and iproute2 (`ip`) for namespaces.

mod cgroup;
pub mod cluster;
pub mod control;
mod holder;
mod host;
mod lab_dir;
mod launch;
#[cfg(feature = "links")]
mod link;
mod loadview;
mod network;
mod ports;
mod process;
mod programs;
mod rig;
mod sockets;
pub mod swarm;

pub use cluster::{Cluster, ClusterBuilder, DaemonSpec};
pub use host::{Host, HostSpec, LinkSpec};
pub use launch::Launch;
pub use process::{Output, Process, Signal, sweep_below};
pub use programs::{Programs, Suite};
pub use rig::{Kind, Lab, LabOptions};
