//! Descriptors that a process got from its parent without wanting them.

use rustix::io::Errno;

/// Closes every descriptor above standard error.
///
/// For a program that outlives the build which happened to start it: it must not keep that build's
/// pipes and jobserver open. To be called before the process has opened anything of its own; what
/// owned a descriptor that is closed here must not be used again.
pub fn close_inherited() -> Result<(), Errno> {
    crate::kernel::close_all_but(&mut [0, 1, 2])
}
