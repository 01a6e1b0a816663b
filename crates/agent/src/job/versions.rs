//! ICECC_VERSION: archives that the user made.
//!
//! A comma list of `[PLATFORM:]FILE[=PREFIX]`. If any entry has a prefix, only those apply whose
//! prefix is the compiler's name up to its last dash; entries without one then belong to compilers
//! without one.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::cluster::Toolchain;

const SUFFIXES: &[&str] = &[".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"];

/// Smaller files are no archives of a compiler.
const SMALLEST: u64 = 500;

/// The archives for a compiler called `compiler`; an error says why there is none.
pub(crate) fn archives(
    list: &OsStr,
    compiler: &OsStr,
    directory: &Path,
    own_platform: &str,
) -> Result<Vec<Toolchain>, String> {
    let entries: Vec<_> = list
        .as_bytes()
        .split(|byte| *byte == b',')
        .filter(|entry| !entry.is_empty())
        .map(Entry::parse)
        .collect();
    let wanted = entries
        .iter()
        .any(|entry| entry.prefix.is_some())
        .then(|| prefix(compiler));
    let mut found = Vec::<Toolchain>::new();
    let mut wrong = None;
    for entry in entries {
        if wanted
            .as_ref()
            .is_some_and(|wanted| *wanted != entry.prefix)
        {
            continue;
        }
        let platform = entry.platform.unwrap_or_else(|| own_platform.to_owned());
        match open(&directory.join(entry.file)) {
            Err(why) => wrong = wrong.or(Some(why)),
            Ok(_) if found.iter().any(|other| other.platform == platform) => {}
            Ok((name, path)) => found.push(Toolchain {
                platform,
                name,
                path,
                gzipped: None,
                manifest: None,
                contents: None,
            }),
        }
    }
    if found.is_empty() {
        return Err(wrong.unwrap_or_else(|| "ICECC_VERSION names no archive for it".to_owned()));
    }
    Ok(found)
}

struct Entry<'a> {
    platform: Option<String>,
    file: &'a OsStr,
    prefix: Option<Vec<u8>>,
}

impl<'a> Entry<'a> {
    fn parse(entry: &'a [u8]) -> Self {
        let at = |byte| entry.iter().position(|given| *given == byte);
        let (entry, prefix) = match at(b'=') {
            Some(at) => (&entry[..at], Some(entry[at + 1..].to_vec())),
            None => (entry, None),
        };
        let (platform, file) = match entry.iter().position(|given| *given == b':') {
            Some(at) => (
                Some(String::from_utf8_lossy(&entry[..at]).into_owned()),
                &entry[at + 1..],
            ),
            None => (None, entry),
        };
        Self {
            platform,
            file: OsStr::from_bytes(file),
            prefix,
        }
    }
}

/// A compiler's name up to its last dash.
fn prefix(compiler: &OsStr) -> Option<Vec<u8>> {
    let base = Path::new(compiler).file_name()?.as_bytes();
    let dash = base.iter().rposition(|byte| *byte == b'-')?;
    Some(base[..dash].to_vec())
}

fn open(path: &Path) -> Result<(String, PathBuf), String> {
    let wrong = |why: &str| {
        format!(
            "ICECC_VERSION has to point to an existing file to be installed {}: {why}",
            path.display()
        )
    };
    let meta = std::fs::symlink_metadata(path).map_err(|error| wrong(&error.to_string()))?;
    if !meta.is_file() || meta.len() < SMALLEST {
        return Err(wrong("it is no regular file of at least 500 bytes"));
    }
    std::fs::File::open(path).map_err(|error| wrong(&error.to_string()))?;
    let base = path.file_name().unwrap_or_default().to_string_lossy();
    let suffix = SUFFIXES
        .iter()
        .filter(|suffix| base.ends_with(**suffix))
        .max_by_key(|s| s.len());
    let suffix = suffix.ok_or_else(|| wrong("its name does not end like an archive's"))?;
    let name = &base[..base.len() - suffix.len()];
    job::EnvironmentName::parse(name).map_err(|error| wrong(&error.to_string()))?;
    Ok((name.to_owned(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dir(tempfile::TempDir);

    impl Dir {
        fn new(files: &[(&str, usize)]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            for (name, length) in files {
                std::fs::write(dir.path().join(name), vec![0; *length]).unwrap();
            }
            Self(dir)
        }

        fn of(&self, list: &str, compiler: &str) -> Result<Vec<(String, String)>, String> {
            let found = archives(list.as_ref(), compiler.as_ref(), self.0.path(), "x86_64")?;
            Ok(found
                .into_iter()
                .map(|archive| (archive.platform, archive.name))
                .collect())
        }
    }

    fn pairs(expected: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        Ok(expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect())
    }

    #[test]
    fn platforms_and_prefixes_choose() {
        let dir = Dir::new(&[("a.tar.gz", 600), ("b.tgz", 600), ("arm.tar.zst", 600)]);
        assert_eq!(dir.of("a.tar.gz", "gcc"), pairs(&[("x86_64", "a")]));
        let two = "a.tar.gz,i386:b.tgz,a.tar.gz";
        assert_eq!(dir.of(two, "gcc"), pairs(&[("x86_64", "a"), ("i386", "b")]));
        let cross = "a.tar.gz,arm.tar.zst=arm-linux-gnueabi";
        assert_eq!(
            dir.of(cross, "/x/arm-linux-gnueabi-gcc"),
            pairs(&[("x86_64", "arm")])
        );
        assert_eq!(dir.of(cross, "gcc"), pairs(&[("x86_64", "a")]));
        assert!(dir.of(cross, "mips-gcc").is_err());
    }

    #[test]
    fn what_is_no_archive_is_named() {
        let dir = Dir::new(&[("small.tar", 10), ("odd.zip", 600), ("real.tar", 600)]);
        std::os::unix::fs::symlink("real.tar", dir.0.path().join("link.tar")).unwrap();
        for list in ["", ",", "small.tar", "odd.zip", "link.tar", "none.tar"] {
            assert!(dir.of(list, "gcc").is_err(), "{list}");
        }
        assert!(dir.of("none.tar", "gcc").unwrap_err().contains("none.tar"));
        assert_eq!(
            dir.of("none.tar,real.tar", "gcc"),
            pairs(&[("x86_64", "real")])
        );
    }
}
