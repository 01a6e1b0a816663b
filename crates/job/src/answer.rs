//! What floe's executors say in place of diagnostics when they have no result. It comes marked "out
//! of memory", after which every other client compiles by itself; floe's knows these words.

/// Its owner needs the host: the compile had nothing wrong, and another host takes it.
pub const HANDED_BACK: &str = "the owner of this executor needs it now";
/// It was tried, or a like one before.
pub const TOO_LARGE: &str =
    "it needs more memory than this host gives to compiles of others (--memory)";
/// It may start, but not soon.
pub const CROWDED: &str = "other compiles of this host have the memory that it needs";
/// It has made way for others, and cannot start again.
pub const NOT_AGAIN: &str = "the compiles of this host need more memory together than they may have, and the text of this one is too long to start again";
/// The host itself has none left.
pub const MEMORY_FULL: &str = "the memory of this host is full";

/// Whether a host with more memory would take what was answered so.
pub fn lacks_memory(said: &[u8]) -> bool {
    let answers = [TOO_LARGE, CROWDED, NOT_AGAIN, MEMORY_FULL];
    answers.iter().any(|answer| said == answer.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compilers_own_words_are_not_the_hosts() {
        assert!(lacks_memory(TOO_LARGE.as_bytes()));
        assert!(!lacks_memory(HANDED_BACK.as_bytes()));
        assert!(!lacks_memory(
            b"gcc: fatal error: Killed signal terminated program cc1"
        ));
    }
}
