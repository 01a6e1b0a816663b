//! How the dynamic loader finds libraries (ld.so(8), ldconfig(8), the ELF specification's dynamic
//! linking chapter): RPATH, LD_LIBRARY_PATH, RUNPATH, the directories of ld.so.conf, the defaults.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::elf::{self, Elf, Kind};

/// Where this machine's loader looks, and what it found there so far.
#[derive(Debug)]
pub(crate) struct Loader {
    directories: Vec<PathBuf>,
    read: HashMap<PathBuf, Option<Elf>>,
}

/// How deep ld.so.conf files may include each other.
const DEEPEST: usize = 8;

impl Loader {
    /// As on this machine, with LD_LIBRARY_PATH of this process.
    pub(crate) fn here() -> Self {
        let mut directories = Vec::new();
        if let Some(list) = std::env::var_os("LD_LIBRARY_PATH") {
            directories.extend(std::env::split_paths(&list).filter(|dir| dir.is_absolute()));
        }
        configured(Path::new("/etc/ld.so.conf"), 0, &mut directories);
        let arch = std::env::consts::ARCH;
        if let Ok(list) = std::fs::read_to_string(format!("/etc/ld-musl-{arch}.path")) {
            directories.extend(
                list.split([':', '\n'])
                    .filter(|dir| dir.starts_with('/'))
                    .map(PathBuf::from),
            );
        }
        let triplet = format!("{arch}-linux-gnu");
        for dir in ["/lib", "/usr/lib"] {
            directories.extend([
                Path::new(dir).join(&triplet),
                PathBuf::from(format!("{dir}64")),
                PathBuf::from(dir),
            ]);
        }
        Self {
            directories,
            read: HashMap::new(),
        }
    }

    /// Reads an ELF file once. `None`: it is none, or cannot be read.
    pub(crate) fn elf(&mut self, path: &Path) -> Option<&Elf> {
        if !self.read.contains_key(path) {
            let found = File::open(path)
                .ok()
                .and_then(|file| elf::read(file).ok().flatten());
            self.read.insert(path.to_path_buf(), found);
        }
        self.read.get(path).and_then(Option::as_ref)
    }

    /// The library called `name` in the loader's own directories.
    pub(crate) fn system(&mut self, name: &OsStr, kind: Kind) -> Option<PathBuf> {
        let candidates: Vec<_> = self.directories.iter().map(|dir| dir.join(name)).collect();
        candidates.into_iter().find(|path| self.fits(path, kind))
    }

    /// Whether `path` is a library that can be linked with files of `kind`.
    pub(crate) fn fits(&mut self, path: &Path, kind: Kind) -> bool {
        self.elf(path)
            .is_some_and(|found| found.kind.links_with(kind))
    }
}

/// One entry of an RPATH or RUNPATH with its tokens replaced. `$LIB` depends on how the C library
/// was built, so every usual value is tried.
pub(crate) fn expand(entry: &[u8], origin: &Path) -> Vec<PathBuf> {
    let text = String::from_utf8_lossy(entry);
    let origin = origin.to_string_lossy();
    let arch = std::env::consts::ARCH;
    let text = text
        .replace("${ORIGIN}", "$ORIGIN")
        .replace("${LIB}", "$LIB")
        .replace("${PLATFORM}", "$PLATFORM");
    let text = text.replace("$ORIGIN", &origin).replace("$PLATFORM", arch);
    if text.contains("$LIB") {
        let triplet = format!("lib/{arch}-linux-gnu");
        return ["lib64", "lib", &triplet]
            .iter()
            .map(|lib| PathBuf::from(text.replace("$LIB", lib)))
            .collect();
    }
    vec![PathBuf::from(OsStr::from_bytes(text.as_bytes()))]
}

fn configured(file: &Path, depth: usize, out: &mut Vec<PathBuf>) {
    let Ok(text) = std::fs::read_to_string(file) else {
        return;
    };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("include") if depth < DEEPEST => {
                for pattern in words {
                    let pattern = file.parent().unwrap_or(Path::new("/")).join(pattern);
                    for included in matching(&pattern) {
                        configured(&included, depth + 1, out);
                    }
                }
            }
            Some("hwcap" | "include") | None => {}
            Some(_) => out.extend(
                line.split([':', ' ', '\t', ','])
                    .filter(|d| d.starts_with('/'))
                    .map(PathBuf::from),
            ),
        }
    }
}

/// Files that match a pattern whose last component may hold one `*`, in order.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (pattern.parent(), pattern.file_name()) else {
        return Vec::new();
    };
    let name = name.as_bytes();
    let Some(star) = name.iter().position(|byte| *byte == b'*') else {
        return vec![pattern.to_path_buf()];
    };
    let (before, after) = (&name[..star], &name[star + 1..]);
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().as_bytes();
            name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_in_both_spellings() {
        let at = Path::new("/usr/bin");
        assert_eq!(
            expand(b"$ORIGIN/../lib", at),
            [PathBuf::from("/usr/bin/../lib")]
        );
        assert_eq!(expand(b"${ORIGIN}/x", at), [PathBuf::from("/usr/bin/x")]);
        assert!(expand(b"/opt/$LIB", at).contains(&PathBuf::from("/opt/lib64")));
    }

    #[test]
    fn configuration_files_are_read_in_order_with_their_includes() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("d")).unwrap();
        std::fs::write(
            at("ld.so.conf"),
            "include d/*.conf\n/last # words\nhwcap 0 x\n",
        )
        .unwrap();
        std::fs::write(at("d/b.conf"), "/b\n").unwrap();
        std::fs::write(at("d/a.conf"), "# none\n/a\n").unwrap();
        std::fs::write(at("d/c.txt"), "/c\n").unwrap();
        let mut out = Vec::new();
        configured(&at("ld.so.conf"), 0, &mut out);
        assert_eq!(out, [Path::new("/a"), Path::new("/b"), Path::new("/last")]);
    }

    #[test]
    fn the_c_library_is_found() {
        let mut loader = Loader::here();
        let kind = loader.elf(Path::new("/proc/self/exe")).unwrap().kind;
        assert!(loader.system(OsStr::new("libc.so.6"), kind).is_some());
        assert!(loader.system(OsStr::new("libnowhere.so.1"), kind).is_none());
    }
}
