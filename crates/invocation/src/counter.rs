//! `__COUNTER__` in conditions. clang's `-frewrite-includes` evaluates conditions and leaves the
//! counting of all other uses to the executor, which then starts at 0 once more: later uses get
//! other numbers (clang 14, measured). gcc refuses to make such a text.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use memchr::{memchr, memmem, memrchr};

const COUNTER: &[u8] = b"__COUNTER__";

/// More text without the end of a line is not looked through: it counts as doubtful.
const LONGEST: usize = 8 << 20;

/// Looks through text that arrives in pieces. It follows macros by name only, so it may see a
/// counter where there is none, and never misses one.
#[derive(Clone, Debug, Default)]
pub struct CounterScan {
    /// The start of the line that the last piece broke off in.
    open: Vec<u8>,
    /// Macros that may count; empty until the text first names the counter.
    counting: HashSet<Vec<u8>>,
    doubtful: bool,
}

impl CounterScan {
    /// For a text made with these arguments.
    pub fn new(arguments: &[OsString]) -> Self {
        let names_it = |word: &OsString| memmem::find(word.as_bytes(), COUNTER).is_some();
        Self {
            doubtful: arguments.iter().any(names_it),
            ..Self::default()
        }
    }

    /// Takes the next piece; true once a condition may have counted.
    pub fn feed(&mut self, piece: &[u8]) -> bool {
        if self.doubtful {
            return true;
        }
        self.open.extend_from_slice(piece);
        let mut end = self.open.len();
        // A line that goes on after a backslash is one line.
        while let Some(newline) = memrchr(b'\n', &self.open[..end]) {
            end = newline;
            if !self.open[..newline].ends_with(b"\\") && !self.open[..newline].ends_with(b"\\\r") {
                let rest = self.open.split_off(newline + 1);
                let lines = std::mem::replace(&mut self.open, rest);
                self.look(&lines);
                return self.doubtful;
            }
        }
        self.doubtful = self.open.len() > LONGEST;
        self.doubtful
    }

    /// Whether a condition may have counted, in what was fed and the last line.
    pub fn finish(mut self) -> bool {
        let last = std::mem::take(&mut self.open);
        self.look(&last);
        self.doubtful
    }

    fn look(&mut self, lines: &[u8]) {
        let mut rest = lines;
        if self.counting.is_empty() {
            if memmem::find(lines, COUNTER).is_none() {
                return;
            }
            self.counting.insert(COUNTER.to_vec());
        }
        while !rest.is_empty() && !self.doubtful {
            let (line, others) = rest.split_at(logical_line(rest));
            rest = others;
            if let Some(directive) = line.trim_ascii_start().strip_prefix(b"#") {
                self.directive(directive.trim_ascii_start());
            }
        }
    }

    fn directive(&mut self, text: &[u8]) {
        let mut words = words(text);
        match words.next() {
            Some(b"define") => {
                let Some(name) = words.next() else { return };
                if words.any(|word| self.counting.contains(word)) {
                    self.counting.insert(name.to_vec());
                }
            }
            Some(b"if" | b"elif") => {
                self.doubtful |= words.any(|word| self.counting.contains(word));
            }
            _ => {}
        }
    }
}

/// Length of the first line, its continuations and newline included.
fn logical_line(text: &[u8]) -> usize {
    let mut start = 0;
    while let Some(newline) = memchr(b'\n', &text[start..]) {
        let end = start + newline;
        if !text[..end].ends_with(b"\\") && !text[..end].ends_with(b"\\\r") {
            return end + 1;
        }
        start = end + 1;
    }
    text.len()
}

/// Names and numbers, in comments and strings too.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| {
        !(byte == b'_' || byte == b'$' || byte.is_ascii_alphanumeric() || byte >= 0x80)
    })
    .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> bool {
        for size in 1..=text.len() {
            let mut scan = CounterScan::default();
            let seen = text.as_bytes().chunks(size).any(|piece| scan.feed(piece));
            let seen = seen || scan.finish();
            let mut whole = CounterScan::default();
            let expected = whole.feed(text.as_bytes()) || whole.finish();
            assert_eq!(seen, expected, "{size}: {text}");
        }
        let mut scan = CounterScan::default();
        scan.feed(text.as_bytes()) || scan.finish()
    }

    #[test]
    fn conditions_that_count_are_seen_through_macros_and_continuations() {
        assert!(counts("int x;\n#if __COUNTER__ == 0\n#endif\n"));
        assert!(counts(" # elif 1 && __COUNTER__"));
        assert!(counts(
            "#define A __COUNTER__\n#define B(x) x + A\n#if B(1)\n"
        ));
        assert!(counts("#define A \\\n __COUNTER__\n#if 1 && \\\n A\n"));
        assert!(counts("#define A \\\r\n __COUNTER__\r\n#if A\r\n"));
    }

    #[test]
    fn other_uses_are_none_of_ours() {
        assert!(!counts(
            "#define A x\n#if A\n#endif\nint a = __COUNTER__;\n#if B\n#endif\n"
        ));
        assert!(!counts(
            "#define CAT(x) x ## __COUNTER__\n#ifdef CAT\nint CAT(x);\n#endif\n"
        ));
        assert!(!counts("#define __COUNTER__X 1\n#if __COUNTER__X\n"));
    }

    #[test]
    fn a_macro_given_as_an_argument_is_doubtful() {
        let arguments = [OsString::from("-DX=__COUNTER__")];
        assert!(CounterScan::new(&arguments).feed(b""));
        assert!(!CounterScan::new(&["-DX".into()]).feed(b"#if X\n"));
    }
}
