//! Run an untrusted process; the only crate with unsafe.
//!
//! A job is one program that another host asked for. It runs without root, in namespaces of its
//! own, with the toolchain as its read-only root file system, no network, a private `/tmp` and
//! limits on what it may use. Three kinds of process play a part, each in a file of its name:
//!
//! - the *zygote* is forked from the program once, before it has threads or much memory, because
//!   forking a large multi-threaded process is slow and what the child may do then is very
//!   little. It owns a user namespace and everything jobs share: the mount namespaces of the
//!   toolchains ([`rooms`]) and the empty network namespaces ([`networks`]). It forks
//! - one *init* per job, process 1 of the job's process namespace. It arranges the namespaces,
//!   starts the compiler, reaps, reports the outcome and kills what is left. Its end is the end of
//!   every process of the job;
//! - the *compiler*, the only one that runs foreign code; its last steps before `execve` are in
//!   [`launch`].
//!
//! The caller talks to the zygote over a sequenced-packet socket, one packet per job, and to the
//! init over a socket of that job: an [`Outcome`] comes back on it, hanging up kills the job, and
//! end-of-file without an outcome means that the helper died. Nothing here waits on the caller's
//! side, so an asynchronous program can use it by registering the socket.
//!
//! Sources: namespaces(7), user_namespaces(7), mount_namespaces(7), pid_namespaces(7),
//! open_tree(2), mount_setattr(2), and what Linux 6.18 did when measured (`--bench` of the
//! test program). Needs Linux 5.12.

mod codec;
mod inherited;
mod init;
mod job;
mod kernel;
mod launch;
mod networks;
mod packet;
pub mod privileges;
mod rooms;
mod serve;
mod step;
mod unavailable;
mod zygote;

pub use inherited::close_inherited;
pub use job::{Ended, Job, Limits, Outcome, Usage};
pub use step::{StartError, Step};
pub use unavailable::{Unavailable, probe};
pub use zygote::{Lost, Running, SpawnError, Zygote, ZygoteClient};
