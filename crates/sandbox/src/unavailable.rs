//! Why this host cannot make sandboxes, and what its owner can do about it.

use thiserror::Error;

use crate::{Findings, Zygote};

/// This host cannot run foreign jobs. It may still submit its own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this host cannot make sandboxes for other hosts' jobs: {}", .0.lines()[1..].join("; "))]
pub struct Unavailable(pub Findings);

/// Makes everything that a job's sandbox needs, and throws it away. Costs a few milliseconds. The
/// same warning as for [`Zygote::start`] holds.
pub fn examine() -> Findings {
    match Zygote::start() {
        Ok(zygote) => zygote.findings().clone(),
        Err(Unavailable(findings)) => findings,
    }
}
