//! What an agent inherits of the build that happened to start it, and all later builds would bear:
//! a nice value and limits. It sheds what it may.

use rustix::process::{Resource, Rlimit};

/// Limits that end the agent or its preprocessors. Others, like that of the stack, only change how
/// programs lie in memory.
const LIMITS: &[Resource] = &[Resource::Fsize, Resource::Cpu, Resource::As, Resource::Data];

/// Descriptors that are enough for a few hundred jobs.
const ENOUGH_FILES: u64 = 1024;

/// Sheds what can be shed; `true` if something stays. To be called while the process has one
/// thread: a nice value is a thread's, and later ones inherit it.
pub(crate) fn remains() -> bool {
    let limited = LIMITS.iter().filter(|limit| !lift(**limit)).count() > 0;
    // Not a short-cut: each of them is worth shedding.
    let (few_files, niced) = (!open_files(), !unnice());
    limited || few_files || niced
}

/// Takes a limit away, or as much of it as this user may.
fn lift(resource: Resource) -> bool {
    let limit = rustix::process::getrlimit(resource);
    let none = Rlimit {
        current: None,
        maximum: None,
    };
    if limit.current.is_none() || rustix::process::setrlimit(resource, none).is_ok() {
        return true;
    }
    raise(resource, limit);
    false
}

fn open_files() -> bool {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    raise(Resource::Nofile, limit);
    limit.maximum.is_none_or(|files| files >= ENOUGH_FILES)
}

fn raise(resource: Resource, limit: Rlimit) {
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = rustix::process::setrlimit(resource, raised);
}

fn unnice() -> bool {
    rustix::process::getpriority_process(None).is_ok_and(|nice| nice <= 0)
        || rustix::process::setpriority_process(None, 0).is_ok()
}
