//! Run an untrusted process; the only crate with unsafe.
//!
//! A job is one program that another host asked for. It runs without root, in namespaces of its
//! own, with the toolchain as its read-only root file system, no network, a private `/tmp` and
//! limits on what it may use; inside that, Landlock ([`landlock`]) and a list of system calls
//! ([`seccomp`]) stand behind each wall again. Where namespaces are forbidden there are lower rungs
//! ([`Rung`]). Four kinds of process play a part, each in a file of its name:
//!
//! - the *keeper* is forked from the program once, before it has threads or much memory, because
//!   forking a large multi-threaded process is slow and what the child may do then is very little.
//!   It tries the rungs, and starts the zygote again should it die;
//! - the *zygote* ([`serve`]) owns a user namespace and everything jobs share: the mount namespaces
//!   of the toolchains ([`rooms`]) and the empty network namespaces ([`networks`]). It forks
//! - one *init* per job, process 1 of the job's process namespace. It arranges the namespaces,
//!   starts the compiler, reaps, reports the outcome and kills what is left. Its end is the end of
//!   every process of the job;
//! - the *compiler*, the only one that runs foreign code; its last steps before `execve` are in
//!   [`launch`].
//!
//! The caller talks to the zygote over a sequenced-packet socket, one packet per job, and to the
//! init over a socket of that job: an [`Outcome`] comes back on it, and before that what the job has
//! in memory whenever that has changed much; hanging up kills the job, and end-of-file without an
//! outcome means that the helper died. Nothing here waits on the caller's
//! side, so an asynchronous program can use it by registering the socket.
//!
//! Sources: namespaces(7), user_namespaces(7), mount_namespaces(7), pid_namespaces(7),
//! open_tree(2), mount_setattr(2), and what Linux 6.18 did when measured (`--bench` of the
//! test program). Needs Linux 5.12.

mod advice;
mod cgroup;
mod codec;
mod files;
mod findings;
mod gauge;
mod held;
mod inherited;
mod init;
mod job;
mod keeper;
mod kernel;
mod kit;
mod landlock;
mod launch;
mod mounts;
mod networks;
mod packet;
pub mod privileges;
mod protection;
mod rooms;
mod rung;
mod seccomp;
mod serve;
mod step;
mod supervise;
mod unavailable;
mod users;
mod watch;
mod zygote;

pub use files::Files;
pub use findings::Findings;
pub use inherited::close_inherited;
pub use job::{Ended, Job, Limits, Outcome, Scratch, Usage, View};
pub use protection::{Protection, Wall};
pub use rung::Rung;
pub use step::{StartError, Step};
pub use unavailable::{Unavailable, examine};
pub use zygote::{Lost, Running, SpawnError, Word, Zygote, ZygoteClient};
