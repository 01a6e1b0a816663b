//! Macros that only this host can expand, found in text whose macros are expanded elsewhere.

use memchr::memmem;

/// Whatever these stand for is read from the clock, the environment, the file system or the
/// command line of the host that expands them.
const NAMES: [&str; 4] = ["__DATE__", "__TIME__", "__TIMESTAMP__", "__BASE_FILE__"];

const LONGEST: usize = 13;

/// Looks through text that arrives in pieces. A hit says only that the text names such a macro:
/// the caller then compiles locally (`Reason::ClockInSource`) or expands macros here.
#[derive(Clone, Debug, Default)]
pub struct ClockScan {
    /// The end of the last piece, in which a name may have begun.
    tail: Vec<u8>,
}

impl ClockScan {
    /// Takes the next piece; gives the name of a macro that stands in it or straddles its start.
    pub fn feed(&mut self, piece: &[u8]) -> Option<&'static str> {
        let seam = piece.len().min(LONGEST);
        self.tail.extend_from_slice(&piece[..seam]);
        let found = find(&self.tail).or_else(|| find(piece));
        let end = if piece.len() >= LONGEST {
            piece
        } else {
            &self.tail[..]
        };
        let tail = end[end.len().saturating_sub(LONGEST)..].to_vec();
        self.tail = tail;
        found
    }
}

fn find(text: &[u8]) -> Option<&'static str> {
    NAMES.into_iter().find(|name| {
        memmem::find_iter(text, name).any(|at| {
            let after = text.get(at + name.len());
            after.is_none_or(|&byte| !is_word(byte)) && (at == 0 || !is_word(text[at - 1]))
        })
    })
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(pieces: &[&str]) -> Option<&'static str> {
        let mut scan = ClockScan::default();
        pieces.iter().find_map(|piece| scan.feed(piece.as_bytes()))
    }

    #[test]
    fn names_are_found_wherever_the_pieces_break() {
        let text = "const char *when = __TIMESTAMP__ \"x\";";
        for at in 0..text.len() {
            assert_eq!(
                scan(&[&text[..at], &text[at..]]),
                Some("__TIMESTAMP__"),
                "{at}"
            );
        }
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(scan(&letters), Some("__TIMESTAMP__"));
        assert_eq!(scan(&["__DATE__"]), Some("__DATE__"));
        assert_eq!(scan(&["a(__TIME__)"]), Some("__TIME__"));
    }

    #[test]
    fn other_names_are_not() {
        assert_eq!(
            scan(&[
                "__TIMER__ my__DATE__ __DATE__S __DATE ___DATE__ __TIME",
                "STAMP __BASE_FILE"
            ]),
            None
        );
        assert_eq!(scan(&["__BLAH__ __DBL_MAX__ __TIMESIZE"]), None);
    }
}
