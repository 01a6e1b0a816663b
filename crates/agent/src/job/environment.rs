//! A job's environment as the wrapper sent it, and the settings in it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use invocation::Settings;
use job::{Reason, variable};

use crate::cluster::Places;

/// `NAME=value` pairs in the wrapper's order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pairs: Vec<(OsString, OsString)>,
}

impl Environment {
    pub(crate) fn new(words: &[Vec<u8>]) -> Self {
        let pair = |word: &Vec<u8>| {
            // A name may start with `=`, as a shell on another system leaves it.
            let at = word.iter().skip(1).position(|byte| *byte == b'=')? + 1;
            Some((os(&word[..at]), os(&word[at + 1..])))
        };
        Self {
            pairs: words.iter().filter_map(pair).collect(),
        }
    }

    /// As a program that was started with [`Self::for_compiler`] left it to another one.
    pub(crate) fn replaced(&self, pairs: Vec<(OsString, OsString)>) -> Self {
        let guard = OsStr::new(variable::SAFEGUARD);
        let own = self.pairs.iter().filter(|(name, _)| name == guard).cloned();
        let others = pairs.into_iter().filter(|(name, _)| name != guard);
        Self {
            pairs: others.chain(own).collect(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        let found = self.pairs.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// The variable's text, if it is set and readable as text.
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    fn is_filled(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty())
    }

    /// The environment for a compiler or preprocessor started for this job.
    pub(crate) fn for_compiler(&self) -> Vec<(OsString, OsString)> {
        let guard = OsStr::new(variable::SAFEGUARD);
        let kept = self.pairs.iter().filter(|(name, _)| name != guard).cloned();
        let below = (self.depth() + 2).to_string();
        kept.chain([(guard.to_owned(), below.into())]).collect()
    }

    /// How many wrappers are around this one.
    pub(crate) fn depth(&self) -> u32 {
        let value = self.get(variable::SAFEGUARD);
        value.map_or(0, |value| {
            value
                .to_str()
                .and_then(|text| text.parse().ok())
                .unwrap_or(1)
        })
    }

    /// The first variable because of which the job has to stay.
    pub(crate) fn deciding(&self) -> Option<(&OsStr, Reason)> {
        let mut pairs = self.pairs.iter();
        pairs.find_map(|(name, value)| Some((&**name, invocation::deciding_variable(name, value)?)))
    }

    pub(crate) fn wants_local(&self) -> bool {
        let value = self.get(variable::ICECC);
        value.is_some_and(|value| value.eq_ignore_ascii_case("no"))
    }

    pub(crate) fn preferred_host(&self) -> &str {
        self.text(variable::ICECC_PREFERRED_HOST)
            .unwrap_or_default()
    }

    /// The archives that the user names; `Some` of nothing keeps the job here.
    pub(crate) fn versions(&self) -> Option<&OsStr> {
        self.get(variable::ICECC_VERSION)
    }

    pub(crate) fn archive_compression(&self) -> &str {
        self.text(variable::ICECC_ENV_COMPRESSION)
            .unwrap_or_default()
    }

    /// The zstd level of what is sent, if the user has one in mind.
    pub(crate) fn level(&self) -> Option<i32> {
        let given = self.text(variable::ICECC_COMPRESSION)?;
        given.trim().parse().ok()
    }

    pub(crate) fn slow_network(&self) -> bool {
        self.starts_with(variable::ICECC_SLOW_NETWORK, b'1')
    }

    /// Treat 127.0.0.1 as another host.
    pub(crate) fn remote_on_loopback(&self) -> bool {
        self.get(variable::TEST_REMOTEBUILD).is_some()
    }

    /// ICECC_EXTRAFILES, one path each; an empty element is an empty path.
    pub(crate) fn extra_files(&self) -> Vec<PathBuf> {
        match self.get(variable::ICECC_EXTRAFILES) {
            None => Vec::new(),
            Some(list) => list
                .as_bytes()
                .split(|byte| *byte == b':')
                .map(|path| os(path).into())
                .collect(),
        }
    }

    /// Where the daemon may be, in the order of trying.
    pub(crate) fn daemon_places(&self) -> Places {
        if let Some(only) = self.get(variable::TEST_SOCKET) {
            return Places {
                sockets: vec![only.into()],
                loopback: false,
            };
        }
        let mut sockets: Vec<PathBuf> = vec![
            "/var/run/icecc/iceccd.socket".into(),
            "/var/run/iceccd.socket".into(),
        ];
        if let Some(home) = self.get("HOME").filter(|home| !home.is_empty()) {
            sockets.push(PathBuf::from(home).join(".iceccd.socket"));
        }
        Places {
            sockets,
            loopback: true,
        }
    }

    /// What the command line is read by.
    pub(crate) fn settings(&self, stderr_is_terminal: bool, is_clang: bool) -> Settings {
        let terminal = self
            .text("TERM")
            .is_some_and(|term| !term.eq_ignore_ascii_case("dumb"));
        let on_unless_zero = |value: &OsStr| !matches!(value.as_bytes().first(), None | Some(b'0'));
        Settings {
            remote_cpp: self
                .get(variable::ICECC_REMOTE_CPP)
                .or_else(|| {
                    self.get(variable::ICECC_CLANG_REMOTE_CPP)
                        .filter(|_| is_clang)
                })
                .map(on_unless_zero),
            repeat_on_diagnostics: match self.get(variable::ICECC_CARET_WORKAROUND) {
                Some(value) => value.as_bytes().first() == Some(&b'1'),
                None => true,
            },
            colour_terminal: stderr_is_terminal && terminal,
            colour_diagnostics: self
                .get(variable::ICECC_COLOR_DIAGNOSTICS)
                .map(|value| value.as_bytes().first() == Some(&b'1')),
            gcc_colors: self.is_filled("GCC_COLORS"),
            source_date_epoch: self.get("SOURCE_DATE_EPOCH").is_some(),
        }
    }

    fn starts_with(&self, name: &str, first: u8) -> bool {
        self.get(name)
            .is_some_and(|value| value.as_bytes().first() == Some(&first))
    }
}

fn os(bytes: &[u8]) -> OsString {
    OsStr::from_bytes(bytes).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Environment {
        Environment::new(
            &words
                .iter()
                .map(|word| word.as_bytes().to_vec())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn odd_pairs_do_not_disturb() {
        let odd = of(&["", "=x=y", "novalue", "A=", "B=c=d", "A=second"]);
        assert_eq!(odd.get("A"), Some(OsStr::new("")));
        assert_eq!(odd.get("B"), Some(OsStr::new("c=d")));
        assert_eq!(odd.get("=x"), Some(OsStr::new("y")));
        assert_eq!(odd.get("novalue"), None);
    }

    #[test]
    fn children_are_guarded() {
        let guard = |given: &[&str]| {
            let below = of(given).for_compiler();
            below
                .iter()
                .filter(|(name, _)| name == "_ICECC_SAFEGUARD")
                .count()
                == 1
                && below
                    .last()
                    .is_some_and(|(_, value)| value.to_str() >= Some("2"))
        };
        assert!(guard(&["PATH=/bin"]));
        assert!(guard(&["_ICECC_SAFEGUARD=1", "PATH=/bin"]));
        assert_eq!(of(&["_ICECC_SAFEGUARD=x"]).depth(), 1);
    }

    #[test]
    fn the_test_socket_is_the_only_one() {
        let only = of(&["ICECC_TEST_SOCKET=/s", "HOME=/h"]).daemon_places();
        assert_eq!(
            only,
            Places {
                sockets: vec!["/s".into()],
                loopback: false
            }
        );
        let usual = of(&["HOME=/h"]).daemon_places();
        assert_eq!(
            usual.sockets.last(),
            Some(&PathBuf::from("/h/.iceccd.socket"))
        );
        assert!(usual.loopback && usual.sockets.len() == 3);
    }

    #[test]
    fn settings_follow_the_first_character() {
        let of = |words: &[&str]| of(words).settings(true, false);
        assert_eq!(of(&[]).remote_cpp, None);
        assert_eq!(of(&["ICECC_REMOTE_CPP="]).remote_cpp, Some(false));
        assert_eq!(of(&["ICECC_REMOTE_CPP=0"]).remote_cpp, Some(false));
        assert_eq!(of(&["ICECC_REMOTE_CPP=yes"]).remote_cpp, Some(true));
        assert!(of(&[]).repeat_on_diagnostics);
        assert!(!of(&["ICECC_CARET_WORKAROUND=0"]).repeat_on_diagnostics);
        assert!(of(&["TERM=xterm"]).colour_terminal);
        assert!(!of(&["TERM=DUMB"]).colour_terminal);
        assert!(!of(&[]).colour_terminal);
    }
}
