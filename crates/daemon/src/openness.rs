//! Who may ask a daemon for compiles. Its status says it in these words, and whoever shows that reads them.

/// From nobody to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openness {
    Nobody,
    Members,
    Mixed,
    Everybody,
}

impl Openness {
    const ALL: [Self; 4] = [Self::Nobody, Self::Members, Self::Mixed, Self::Everybody];

    /// For people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Nobody => "nobody: this host is no member of a cluster",
            Self::Members => "members of its cluster",
            Self::Mixed => {
                "members of its cluster, and everybody without authentication (icecream's protocol)"
            }
            Self::Everybody => "everybody, without authentication (icecream's protocol)",
        }
    }

    /// None for words of another release.
    pub fn read(sentence: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|openness| openness.sentence() == sentence)
    }

    /// Somebody without a name may come in.
    pub fn has_strangers(self) -> bool {
        matches!(self, Self::Mixed | Self::Everybody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_read() {
        for openness in Openness::ALL {
            assert_eq!(Openness::read(openness.sentence()), Some(openness));
        }
        assert_eq!(Openness::read("whoever knocks"), None);
    }
}
