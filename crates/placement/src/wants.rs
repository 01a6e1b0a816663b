//! What a job needs of the host that compiles it.

use job::{EnvironmentName, Platform};

/// A toolchain as hosts announce it: what it compiles for, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Toolchain {
    pub target: Platform,
    pub name: EnvironmentName,
}

/// A toolchain as clients offer it: where it runs, and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    pub runs_on: Platform,
    pub name: EnvironmentName,
}

/// The needs of a job. Jobs with equal needs stand in one line: when the first of them finds no
/// host, the others need not be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    offers: Vec<(Platform, Toolchain)>,
    /// Node name or address of the only host that may compile; empty for any.
    pub preferred: String,
    /// Lowest acceptable highest protocol version of the host.
    pub min_version: u32,
    /// Feature bits that the host must have.
    pub features: u32,
    /// A host had too little memory for it: the one with the most is wanted.
    pub much_memory: bool,
    /// Only members can take it, and never its submitter itself: it has decided for another host.
    pub(crate) native: bool,
}

impl Wants {
    /// More offers than this are ignored: a client offers one for each platform.
    const MAX_OFFERS: usize = 32;

    pub fn new(
        target: &Platform,
        offers: impl IntoIterator<Item = Offer>,
        preferred: String,
        min_version: u32,
        features: u32,
    ) -> Self {
        let key = |offer: Offer| {
            (
                offer.runs_on,
                Toolchain {
                    target: target.clone(),
                    name: offer.name,
                },
            )
        };
        let offers = offers.into_iter().take(Self::MAX_OFFERS).map(key).collect();
        Self {
            offers,
            preferred,
            min_version,
            features,
            much_memory: false,
            native: false,
        }
    }

    #[must_use]
    pub fn with_much_memory(self, much_memory: bool) -> Self {
        Self {
            much_memory,
            ..self
        }
    }

    /// The same for jobs that need a grant, see [`crate::Cluster::wanted`].
    #[must_use]
    pub fn natively(self) -> Self {
        Self {
            native: true,
            ..self
        }
    }

    /// Needs that no host fulfils: the job goes back to its submitter.
    pub fn impossible() -> Self {
        Self {
            offers: Vec::new(),
            preferred: String::new(),
            min_version: 0,
            features: 0,
            much_memory: false,
            native: false,
        }
    }

    /// The offered toolchains, each with the platform that it runs on.
    pub(crate) fn offers(&self) -> &[(Platform, Toolchain)] {
        &self.offers
    }

    /// The same needs with only the toolchains of that name left.
    pub(crate) fn only(&self, name: &EnvironmentName) -> Self {
        let mut only = self.clone();
        only.offers.retain(|(_, toolchain)| toolchain.name == *name);
        only
    }
}
