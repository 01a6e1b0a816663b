//! What every conversation may use: handles, nothing that changes.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::cluster::{Clusters, Spares};
use crate::hub::Hub;
use crate::inputs::Inputs;
use crate::job::Said;
use crate::pace::Paces;
use crate::text::Pragmas;
use crate::toolbox::Toolbox;

/// Preprocessed text kept in memory by all jobs together, compressed.
const TEXT_BUDGET: usize = 256 << 20;

/// With less room than this left, nothing is kept for a second try. In units.
pub(crate) const TEXT_BUDGET_LOW: usize = TEXT_BUDGET / BUDGET_UNIT / 4;

/// With less room than this left, every text is compressed. In units.
pub(crate) const TEXT_BUDGET_HIGH: usize = TEXT_BUDGET / BUDGET_UNIT / 4 * 3;

/// The unit in which the text budget is counted.
pub(crate) const BUDGET_UNIT: usize = 1024;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) toolbox: Toolbox,
    /// Connections to the daemon.
    pub(crate) daemons: Arc<Spares>,
    /// What is known of the daemon's cluster.
    pub(crate) clusters: Clusters,
    pub(crate) text_budget: Arc<Semaphore>,
    /// How hard texts are compressed.
    pub(crate) paces: Paces,
    /// What is known of headers that a text can misrepresent.
    pub(crate) pragmas: Arc<Pragmas>,
    /// What is known of the files that jobs read.
    pub(crate) inputs: Inputs,
    /// What terminals were told lately.
    pub(crate) said: Said,
    pub(crate) uid: u32,
}

impl Shared {
    pub(crate) fn new(hub: Hub, toolbox: Toolbox) -> Self {
        Self {
            hub,
            toolbox,
            daemons: Arc::default(),
            clusters: Clusters::default(),
            text_budget: Arc::new(Semaphore::new(TEXT_BUDGET / BUDGET_UNIT)),
            paces: Paces::default(),
            pragmas: Arc::default(),
            inputs: Inputs::default(),
            said: Said::default(),
            uid: rustix::process::geteuid().as_raw(),
        }
    }
}
