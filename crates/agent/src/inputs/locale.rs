//! The files by which compilers speak the user's language: glibc's locales and gettext's catalogues. An executor
//! that has them says everything as it would be said here, down to the quotes.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What decides, in the order in which it does.
const VARIABLES: [&str; 5] = ["LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LANG", "LANGUAGE"];
/// Parts of a locale that compilers set.
const CATEGORIES: [&str; 2] = ["LC_CTYPE", "LC_MESSAGES/SYS_LC_MESSAGES"];
/// Whose messages are translated.
const DOMAINS: [&str; 4] = ["gcc", "cpplib", "libc", "gas"];
/// All of a distribution's locales in one file may be hundreds of megabytes.
const MOST: u64 = 16 << 20;
const LOCALES: &str = "/usr/lib/locale";
const CATALOGUES: &str = "/usr/share/locale";

/// The user's locale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Locale {
    /// `NAME=value`, for the compiler.
    pub(crate) variables: Vec<(&'static str, OsString)>,
}

impl Locale {
    pub(crate) fn of<'a>(get: impl Fn(&str) -> Option<&'a std::ffi::OsStr>) -> Self {
        let set = |name: &&'static str| {
            let value = get(name).filter(|value| !value.is_empty())?;
            Some((*name, value.to_owned()))
        };
        let variables: Vec<_> = VARIABLES.iter().filter_map(set).collect();
        let is_plain = |(_, value): &(&str, OsString)| value == "C" || value == "POSIX";
        match variables.iter().all(is_plain) {
            true => Self::default(),
            false => Self { variables },
        }
    }

    /// Whether a variable is one of those that make up a locale.
    pub(crate) fn decides(name: &str) -> bool {
        VARIABLES.contains(&name)
    }

    /// Files that are there for it; `None` if one of them is too long to be sent.
    pub(crate) fn files(&self) -> Option<Vec<PathBuf>> {
        if self.variables.is_empty() {
            return Some(Vec::new());
        }
        let mut candidates = vec![Path::new(LOCALES).join("locale-archive")];
        for name in self.names() {
            let locale = Path::new(LOCALES).join(&name);
            candidates.extend(CATEGORIES.iter().map(|category| locale.join(category)));
            let catalogue = Path::new(CATALOGUES).join(&name).join("LC_MESSAGES");
            let of = |domain: &&str| catalogue.join(format!("{domain}.mo"));
            candidates.extend(DOMAINS.iter().map(of));
        }
        candidates.push(Path::new(CATALOGUES).join("locale.alias"));
        let mut files = Vec::new();
        for path in candidates {
            match path.metadata() {
                Ok(meta) if meta.is_file() && meta.len() > MOST => return None,
                Ok(meta) if meta.is_file() => files.push(path),
                _ => {}
            }
        }
        Some(files)
    }

    /// The names under which a locale may be found: `de_DE.UTF-8`, `de_DE.utf8`, `de_DE`, `de`.
    fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (_, value) in &self.variables {
            for value in value.as_bytes().split(|byte| *byte == b':') {
                let Ok(value) = std::str::from_utf8(value) else {
                    continue;
                };
                // A path would be one of the user's own.
                if value.contains('/') || matches!(value, "" | "C" | "POSIX") {
                    continue;
                }
                let (rest, modifier) = value.split_once('@').unwrap_or((value, ""));
                let (base, codeset) = rest.split_once('.').unwrap_or((rest, ""));
                let language = base.split('_').next().unwrap_or(base);
                let plain = |c: &char| c.is_ascii_alphanumeric();
                let codeset_plain: String = codeset.chars().filter(plain).collect();
                for base in [base, language] {
                    for codeset in ["", codeset, &codeset_plain.to_ascii_lowercase()] {
                        for modifier in ["", modifier] {
                            let mut name = base.to_owned();
                            for (mark, part) in [('.', codeset), ('@', modifier)] {
                                if !part.is_empty() {
                                    name.push(mark);
                                    name.push_str(part);
                                }
                            }
                            names.insert(name);
                        }
                    }
                }
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn locale(pairs: &[(&str, &str)]) -> Locale {
        let pairs: Vec<(String, OsString)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect();
        Locale::of(|name| {
            let found = pairs.iter().find(|(given, _)| given == name);
            found.map(|(_, value)| OsStr::new(value))
        })
    }

    #[test]
    fn plain_speech_needs_nothing() {
        for plain in [
            &[][..],
            &[("LANG", "C")],
            &[("LC_ALL", "POSIX"), ("LANG", "")],
        ] {
            assert_eq!(locale(plain), Locale::default());
            assert_eq!(locale(plain).files(), Some(Vec::new()));
        }
    }

    #[test]
    fn a_locale_has_several_names() {
        let names = locale(&[("LANG", "de_DE.UTF-8@euro"), ("LANGUAGE", "fr:../x")]).names();
        for name in ["de_DE.UTF-8@euro", "de_DE.utf8", "de_DE", "de", "fr"] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
        assert!(names.iter().all(|name| !name.contains('/')));
    }
}
