//! Why this host cannot make sandboxes, and what its owner can do about it.

use std::fs::read_to_string;

use thiserror::Error;

use crate::{StartError, Zygote};

/// This host cannot run foreign jobs. It may still submit its own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this host cannot make sandboxes for other hosts' jobs: {failure}{}", .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct Unavailable {
    pub failure: StartError,
    /// What was found that explains it.
    pub hint: Option<String>,
}

impl Unavailable {
    pub(crate) fn new(failure: StartError) -> Self {
        Self {
            failure,
            hint: explain(),
        }
    }
}

/// Makes everything that a job's sandbox needs, and throws it away. Costs about a millisecond.
/// The same warning as for [`Zygote::start`] holds.
pub fn probe() -> Result<(), Unavailable> {
    Zygote::start().map(drop)
}

/// The switches that distributions use to forbid user namespaces.
fn explain() -> Option<String> {
    [
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone is 0: `sysctl -w kernel.unprivileged_userns_clone=1` allows user namespaces"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor restricts user namespaces: give floe a profile with `userns,`, or `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces is 0: `sysctl -w user.max_user_namespaces=10000` allows user namespaces"),
    ]
    .into_iter()
    .find(|(name, forbidden, _)| read_to_string(format!("/proc/sys/{name}")).is_ok_and(|value| value.trim() == *forbidden))
    .map(|(_, _, hint)| hint.to_owned())
}
