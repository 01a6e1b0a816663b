//! `-march=native` and its kin: what they stand for on this host.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::plan::{Family, Remote};

/// The arguments with which to ask the compiler twice, without and with native options; what it
/// prints on standard error goes to [`resolve_native`].
pub fn native_questions(options: &[OsString]) -> [Vec<OsString>; 2] {
    let tail = ["-###", "-E", "-"].map(OsString::from);
    let with = options.iter().cloned().chain(tail.clone()).collect();
    [tail.to_vec(), with]
}

/// The plain options that native ones stand for, from the two answers: the words by which the
/// front end's command lines differ. Each is handed to clang's front end directly, gcc's driver
/// reads them as they are. `None` when an answer has no such line, or nothing differs.
pub fn resolve_native(family: Family, without: &[u8], with: &[u8]) -> Option<Vec<OsString>> {
    let (without, with) = (front_end(without)?, front_end(with)?);
    let same_start = without
        .iter()
        .zip(&with)
        .take_while(|(a, b)| a == b)
        .count();
    let rest = without.len().min(with.len()) - same_start;
    let same_end = without
        .iter()
        .rev()
        .zip(with.iter().rev())
        .take(rest)
        .take_while(|(a, b)| a == b)
        .count();
    let mut start = same_start;
    let words = &with[..with.len() - same_end];
    // `-target-cpu x86-64` against `-target-cpu skylake`: the option belongs to its value.
    if start > 0 && words.get(start).is_some_and(|word| !word.starts_with(b"-")) {
        start -= 1;
    }
    let words = words.get(start..)?;
    if words.is_empty() {
        return None;
    }
    let mut words = words.to_vec();
    // clang tunes for `generic` unless it is told a processor, and then for that one.
    let tune: &[u8] = b"-tune-cpu";
    let named = |line: &[Vec<u8>]| line.iter().any(|word| word == tune);
    let processor = words
        .iter()
        .position(|word| word == b"-target-cpu")
        .and_then(|at| words.get(at + 1))
        .cloned();
    if let Some(processor) = processor.filter(|_| named(&without) && !named(&with)) {
        words.extend([tune.to_vec(), processor]);
    }
    let mut options = Vec::with_capacity(2 * words.len());
    for word in words {
        if family == Family::Clang {
            options.push("-Xclang".into());
        }
        options.push(OsString::from_vec(word.clone()));
    }
    Some(options)
}

/// The words of the line that starts the front end. Both compilers quote with `"` and escape with
/// a backslash; the other lines are comments or other programs.
fn front_end(answer: &[u8]) -> Option<Vec<Vec<u8>>> {
    let lines = answer
        .split(|&byte| byte == b'\n')
        .filter(|line| line.starts_with(b" "));
    lines.map(split).find(|words| {
        let program = words
            .first()
            .map(|word| word.rsplit(|&byte| byte == b'/').next().unwrap_or_default());
        matches!(
            program,
            Some(b"cc1" | b"cc1plus" | b"cc1obj" | b"cc1objplus")
        ) || words.get(1).is_some_and(|word| word == b"-cc1")
    })
}

fn split(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            b'"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            b' ' | b'\t' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

impl Remote {
    /// Puts `plain` in the place of the first native option that is sent and drops the others.
    pub fn replace_native(&mut self, plain: &[OsString]) {
        replace(&mut self.compile, plain);
        if let Some(with_files) = &mut self.with_files {
            replace(&mut with_files.arguments, plain);
        }
        self.native_options.clear();
    }
}

fn replace(line: &mut Vec<OsString>, plain: &[OsString]) {
    let mut plain = Some(plain);
    let mut replaced = Vec::with_capacity(line.len());
    for word in std::mem::take(line) {
        if is_native(&word) {
            replaced.extend_from_slice(plain.take().unwrap_or_default());
        } else {
            replaced.push(word);
        }
    }
    *line = replaced;
}

fn is_native(word: &OsStr) -> bool {
    matches!(
        word.as_bytes(),
        b"-march=native" | b"-mcpu=native" | b"-mtune=native"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(family: Family, without: &str, with: &str) -> Option<String> {
        let words = resolve_native(family, without.as_bytes(), with.as_bytes())?;
        Some(words.join(OsStr::new(" ")).into_string().unwrap())
    }

    #[test]
    fn gcc_shows_the_options_themselves() {
        let line = |middle: &str| {
            format!(
                "Using built-in specs.\nCOLLECT_GCC=gcc\n /usr/lib/gcc/x/12/cc1 -E -quiet - {middle}-fworking\nCOMPILER_PATH=/usr\n"
            )
        };
        let got = resolve(
            Family::Gcc,
            &line("-mtune=generic -march=x86-64 "),
            &line("-march=skylake -mno-sse4a --param \"l1-cache-size=32\" "),
        );
        assert_eq!(
            got.unwrap(),
            "-march=skylake -mno-sse4a --param l1-cache-size=32"
        );
        assert_eq!(resolve(Family::Gcc, &line(""), &line("")), None);
        assert_eq!(resolve(Family::Gcc, "", &line("-march=x ")), None);
    }

    #[test]
    fn clang_shows_words_of_its_front_end() {
        let line = |cpu: &str| {
            format!(
                "clang version 14\n (in-process)\n \"/usr/bin/clang\" \"-cc1\" \"-E\" \"-target-cpu\" {cpu} \"-x\" \"c\" \"-\"\n"
            )
        };
        let got = resolve(
            Family::Clang,
            &line("\"x86-64\" \"-tune-cpu\" \"generic\""),
            &line("\"skylake\" \"-target-feature\" \"+avx2\""),
        );
        assert_eq!(
            got.unwrap(),
            "-Xclang -target-cpu -Xclang skylake -Xclang -target-feature -Xclang +avx2 -Xclang -tune-cpu -Xclang skylake"
        );
    }
}
