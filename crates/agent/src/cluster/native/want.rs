//! What jobs want of a scheduler, as far as it tells kinds of them apart: grants of one kind are
//! for any job of it.

use job::{Digest, Platform};
use wire::field::{Invalid, Line, List};
use wire::message::{Toolset, Want};
use wire::name::{Count, Niceness, Size};

use crate::cluster::{Toolchain, Wish};

/// What distinguishes kinds of jobs to a scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// One for each platform.
    offers: Vec<(Digest, Platform)>,
    niceness: u32,
    /// The only host that will do; empty for any.
    preferred: String,
    /// A host had too little for it.
    much_memory: bool,
}

impl Kind {
    /// None: members have no names for these toolchains.
    pub(super) fn of(wish: &Wish) -> Option<Self> {
        let offer = |toolchain: &Toolchain| {
            let platform = Platform::parse(&toolchain.platform).ok()?;
            Some((toolchain.manifest?, platform))
        };
        let offers: Option<Vec<_>> = wish.toolchains.iter().map(offer).collect();
        Some(Self {
            offers: offers.filter(|offers| !offers.is_empty())?,
            niceness: wish.niceness.min(Niceness::MOST.get()),
            preferred: wish.preferred_host.clone(),
            much_memory: wish.much_memory,
        })
    }

    /// So many of it.
    pub(super) fn want(&self, count: u32) -> Result<Want, Invalid> {
        let offer = |(toolchain, platform): &(Digest, Platform)| Toolset {
            toolchain: *toolchain,
            platform: platform.clone(),
        };
        let memory = self.much_memory.then(|| Size::new(Want::MUCH_MEMORY));
        Ok(Want {
            count: Count::new(count)?,
            offers: List::new(self.offers.iter().map(offer).collect())?,
            memory: memory.transpose()?,
            niceness: Niceness::new(self.niceness)?,
            preferred: Line::new(&self.preferred),
        })
    }
}
