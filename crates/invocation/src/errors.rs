//! What a failed compile of files says: whether it can be about anything but those files.
//!
//! What an executor can see itself, a signal, a limit, a full disk, a program that does not start, it says itself,
//! and nothing of that comes here. What the compiler noticed on its own account stands only in its words: here
//! errors count that name a line of a file, and whatever sounds of anything else than the source is doubted. A
//! doubt costs a compile on this host. Words of another language are not understood, and doubted.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use job::Trouble;

use crate::plan::Family;

/// What compilers, assemblers and loaders say of the host that they run on, in small letters: the kernel's words for
/// what is wrong with a file, a process or memory, and their own before those. Assemblers, clang's own as well, read
/// files that nobody looks for here, so nothing that they say counts; nor what is said of modules.
const OF_THE_HOST: &[&str] = &[
    "<inline asm>",
    "assembler messages",
    "bad address",
    "bad file descriptor",
    "broken pipe",
    "can't open",
    "cannot create",
    "cannot exec",
    "cannot find",
    "cannot open",
    "cannot read",
    "could not find",
    "could not open",
    "could not read",
    "device or resource busy",
    "error reading",
    "error while loading",
    "error writing",
    "exec format error",
    "execvp",
    "file name too long",
    "file too large",
    "function not implemented",
    "input/output error",
    "interrupted system call",
    "is a directory",
    "mmap",
    "module '",
    "module file",
    "no child processes",
    "no such device",
    "no such process",
    "not a directory",
    "operation not permitted",
    "operation not supported",
    "permission denied",
    "posix_spawn",
    "read-only file system",
    "resource temporarily unavailable",
    "stack overflow",
    "stale file handle",
    "text file busy",
    "too many levels of symbolic links",
    "too many open files",
    "unable to make",
    "unable to open",
    "unable to read",
    "vfork",
];

/// Errors of the front ends as a whole, after others that name lines.
const OF_ALL: &[&[u8]] = &[
    b"all warnings being treated as errors",
    b"some warnings being treated as errors",
    b"too many errors emitted, stopping now [-ferror-limit=]",
];

/// Whether all that a failed compile says is about its source and headers. `missing` is the header that they
/// lack, as far as that is known here; nothing else may be lacking.
pub fn is_about_source(said: &[u8], missing: Option<&[u8]>) -> bool {
    let said = plain(said);
    let small = String::from_utf8_lossy(&said).to_ascii_lowercase();
    if Trouble::in_words(&said).is_some() || OF_THE_HOST.iter().any(|words| small.contains(words)) {
        return false;
    }
    let mut names_a_line = false;
    let mut ends_here = false;
    for line in said.split(|byte| *byte == b'\n') {
        let lacks =
            contains(line, b"o such file or directory") || contains(line, b"file not found");
        let Some(error) = Error::of(line) else {
            // Something else is said of it: what was meant, or where it was looked for.
            let is_note = contains(line, b": note: ") && !contains(line, b": note: expanded from ");
            if lacks || ends_here && is_note {
                return false;
            }
            continue;
        };
        if ends_here || lacks && !error.lacks(missing) {
            return false;
        }
        ends_here |= lacks;
        match error.place {
            Place::Line => names_a_line = true,
            Place::None if OF_ALL.contains(&error.text) => {}
            Place::None => return false,
        }
    }
    names_a_line
}

/// Whether gcc gave up at an error: it writes no rules for make then.
pub fn gave_up(said: &[u8]) -> bool {
    let said = plain(said);
    let mut lines = said.split(|byte| *byte == b'\n');
    lines.any(|line| line.starts_with(b"compilation terminated"))
}

/// Whether the driver speaks for itself, and under another name than the one that it would have here: executors call
/// it by its plain one.
pub fn is_of_another_driver(said: &[u8], name_here: &OsStr, family: Family) -> bool {
    let drivers: [&[u8]; 2] = match family {
        Family::Gcc => [b"gcc", b"g++"],
        Family::Clang => [b"clang", b"clang++"],
    };
    let is_other = |line: &[u8]| {
        let mut drivers = drivers.iter();
        let driver = drivers.find(|driver| {
            let rest = line.strip_prefix(**driver);
            rest.is_some_and(|rest| rest.starts_with(b": "))
        });
        driver.is_some_and(|driver| *driver != name_here.as_bytes())
    };
    plain(said).split(|byte| *byte == b'\n').any(is_other)
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Line,
    /// A program says it, or nobody.
    None,
}

#[derive(Debug, PartialEq, Eq)]
struct Error<'a> {
    place: Place,
    is_fatal: bool,
    text: &'a [u8],
}

impl<'a> Error<'a> {
    /// `FILE:LINE:COLUMN: error: TEXT` and its kin.
    fn of(line: &'a [u8]) -> Option<Self> {
        const WORD: &[u8] = b"rror: ";
        // A line of the source, with gcc's margin.
        if line.starts_with(b" ") {
            return None;
        }
        let at = line.windows(WORD.len()).position(|part| part == WORD)?;
        let text = &line[at + WORD.len()..];
        let head = &line[..at];
        let (head, is_fatal) = match head.strip_suffix(b"fatal e") {
            Some(head) => (head, true),
            None => (head.strip_suffix(b"e").unwrap_or(head), false),
        };
        let place = match head.strip_suffix(b": ") {
            Some(b"<command-line>") => Place::Line,
            Some(head) if ends_with_number(head) => Place::Line,
            _ => Place::None,
        };
        Some(Self {
            place,
            is_fatal,
            text,
        })
    }

    /// Whether it is the end that the lack of this header makes.
    fn lacks(&self, missing: Option<&[u8]>) -> bool {
        let Some(missing) = missing.filter(|_| self.is_fatal) else {
            return false;
        };
        let of_gcc = self.text.strip_suffix(b": No such file or directory");
        let of_clang = self.text.strip_prefix(b"'");
        let of_clang = of_clang.and_then(|text| text.strip_suffix(b"' file not found"));
        of_gcc.or(of_clang) == Some(missing)
    }
}

fn ends_with_number(head: &[u8]) -> bool {
    let digits = head.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let count = digits.count();
    count > 0 && head.len() > count + 1 && head[head.len() - count - 1] == b':'
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// Without colours and links.
fn plain(said: &[u8]) -> Vec<u8> {
    const ESCAPE: u8 = 0x1b;
    let mut plain = Vec::with_capacity(said.len());
    let mut bytes = said.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (ESCAPE, Some(b'[')) => {
                bytes.next();
                bytes.find(u8::is_ascii_alphabetic);
            }
            // Ends with ESC \ or BEL.
            (ESCAPE, Some(b']')) => {
                if bytes.find(|byte| matches!(*byte, ESCAPE | 7)) == Some(ESCAPE) {
                    bytes.next();
                }
            }
            _ => plain.push(byte),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_about(said: &str) -> bool {
        is_about_source(said.as_bytes(), None)
    }

    #[test]
    fn a_driver_speaks_under_the_users_name_for_it() {
        let other = |said: &str, called: &str, family| {
            is_of_another_driver(said.as_bytes(), called.as_ref(), family)
        };
        let gcc = "\x1b[01m\x1b[Kgcc:\x1b[m\x1b[K warning: odd\na.c:1:2: error: no\n";
        assert!(!other(gcc, "gcc", Family::Gcc));
        assert!(other(gcc, "gcc-12", Family::Gcc));
        assert!(other(gcc, "cc", Family::Gcc));
        assert!(!other("a.c:1:2: error: no\n", "cc", Family::Gcc));
        assert!(other("x\nclang: warning: odd\n", "clang-14", Family::Clang));
    }

    #[test]
    fn errors_at_lines_are_about_the_source() {
        for said in [
            "a.c: In function 'f':\na.c:1:2: error: 'g' undeclared\n    1 | g;\n      | ^\n",
            "my file.c:1: error: bad\n",
            "a.c:1:2: error: unused [-Werror=unused]\ncc1: all warnings being treated as errors\n",
            "a.c:1:2: fatal error: too much\ncompilation terminated.\n",
            "a.c:1:2: error: no\nint x;\n^\nfatal error: too many errors emitted, stopping now [-ferror-limit=]\n2 errors generated.\n",
            "clang: warning: argument unused\na.c:1:2: error: no\n",
            "\x1b[01m\x1b[Ka.c:3:5:\x1b[m\x1b[K \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[Kno\n",
            "a.c:3:5: error: no [\x1b]8;;https://gcc.gnu.org\x07-Werror=x\x1b]8;;\x07]\n",
            "a.c:3:5: error: no [\x1b]8;;https://gcc.gnu.org\x1b\\-Werror=x\x1b]8;;\x1b\\]\n",
        ] {
            assert!(is_about(said), "{said}");
        }
    }

    #[test]
    fn whatever_sounds_of_the_host_is_not() {
        let good = "a.c:1:2: error: no\n";
        assert!(is_about(good));
        for bad in [
            "",
            "cc1: error: bad value\n",
            "gcc: error: no\n",
            "gcc: fatal error: cannot execute 'cc1': execvp: No such file or directory\n",
            "cc1: out of memory allocating 1 bytes\n",
            "a.c:1:2: fatal error: b.h: Permission denied\n",
            "a.c:1:2: fatal error: b.h: No such file or directory\n",
            "a.c:1:10: fatal error: 'b.h' file not found\n",
            "/lib/cc1: error while loading shared libraries: x: cannot open shared object file\n",
            "a.c:1: fatal error: error writing to /tmp/x.s: No space left on device\n",
            "a.c: Assembler messages:\na.c:1: Error: no such instruction\n",
            "<inline asm>:1:16: error: Could not find incbin file 'x.bin'\n",
            "a.c:1:2: error: unknown\n<inline asm>:1:16: note: instantiated into assembly here\n",
            "a.c:1:2: fatal error: module 'm' not found\n",
            "a.c:1:2: internal compiler error: in x\n",
            "{standard input}: Error: x\n",
            "as: read-only file system\n",
            "a.c:1:2: schwerwiegender Fehler: x\n",
            "error: x\n",
        ] {
            assert!(!is_about(bad), "{bad}");
            if !bad.is_empty() && !bad.contains("Fehler") {
                assert!(!is_about(&format!("{good}{bad}")), "{bad}");
            }
        }
    }

    #[test]
    fn only_the_header_that_is_known_to_lack_may_lack() {
        let lacks =
            |said: &str, name: &str| is_about_source(said.as_bytes(), Some(name.as_bytes()));
        let gcc = "a.c:1:10: fatal error: x/b.h: No such file or directory\n    1 | #include \"x/b.h\"\ncompilation terminated.\n";
        let clang = "a.c:1:10: fatal error: 'x/b.h' file not found\n#include \"x/b.h\"\n         ^\n1 error generated.\n";
        let forced = "<command-line>: fatal error: x/b.h: No such file or directory\ncompilation terminated.\n";
        for said in [gcc, clang, forced] {
            assert!(lacks(said, "x/b.h"), "{said}");
            assert!(!lacks(said, "b.h"), "{said}");
            assert!(!is_about(said), "{said}");
            assert!(!lacks(&format!("{said}a.c:2:1: error: more\n"), "x/b.h"));
            assert!(!lacks(&format!("{said}a.c:1:10: note: more\n"), "x/b.h"));
            assert!(lacks(&format!("a.c:1:1: error: before\n{said}"), "x/b.h"));
        }
        let computed = format!("{clang}a.c:1:11: note: expanded from macro 'N'\n");
        assert!(lacks(&computed, "x/b.h"));
        let recovers =
            "a.c:1:10: error: 'b.h' file not found with <angled> include; use \"quotes\" instead\n";
        assert!(!lacks(recovers, "b.h"));
        assert!(lacks("a.c:1:2: error: no\n", "b.h"));
        assert!(
            gave_up(gcc.as_bytes()) && gave_up(forced.as_bytes()) && !gave_up(clang.as_bytes())
        );
        assert!(gave_up(
            b"a.c:1:2: error: no\ncompilation terminated due to -Wfatal-errors.\n"
        ));
    }
}
