//! What an end can do beyond the first release, by the names that hellos list.

/// One of those that this release knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    Toolchains,
    Files,
    FileOutputs,
    Terminals,
}

impl Ability {
    pub const ALL: [Self; 4] = [
        Self::Toolchains,
        Self::Files,
        Self::FileOutputs,
        Self::Terminals,
    ];

    pub fn name(self) -> &'static str {
        self.told().0
    }

    /// In words, for the document.
    pub(crate) fn about(self) -> &'static str {
        self.told().1
    }

    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Toolchains => (
                "toolchains",
                "Toolchains are taken by content: Offer and what belongs to it are answered.",
            ),
            Self::Files => ("files", "Jobs may read files of views."),
            Self::FileOutputs => (
                "file-outputs",
                "Of files there may be no object wanted, or split debug information beside it.",
            ),
            Self::Terminals => (
                "terminals",
                "Jobs that read files may have a terminal for their errors.",
            ),
        }
    }
}
