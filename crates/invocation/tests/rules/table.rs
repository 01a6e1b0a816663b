//! A small disk and a short way to plans.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use invocation::{Call, Files, Local, Plan, Remote, Settings, plan};
use job::Reason;

/// The files that exist in `/w`; names that end in `!` are no regular files.
pub(crate) struct Disk(BTreeSet<PathBuf>);

impl Disk {
    pub(crate) fn with(names: &[&str]) -> Self {
        Self(
            names
                .iter()
                .map(|name| Path::new("/w").join(name))
                .collect(),
        )
    }
}

impl Files for Disk {
    fn response_file(&self, path: &Path) -> Option<Vec<u8>> {
        (path == Path::new("/w/response")).then(|| b"-O2 -Wall".to_vec())
    }
    fn is_readable_file(&self, path: &Path) -> bool {
        // `d/../d/x` is the same file.
        let mut plain = PathBuf::new();
        for component in path.components() {
            match component {
                std::path::Component::ParentDir => drop(plain.pop()),
                other => plain.push(other),
            }
        }
        self.0.contains(&plain)
    }
    fn is_not_regular(&self, path: &Path) -> bool {
        let mut marked = path.as_os_str().to_owned();
        marked.push("!");
        self.0.contains(Path::new(&marked))
    }
    fn is_special(&self, path: &Path) -> bool {
        self.is_not_regular(path)
    }
    fn is_same(&self, one: &Path, other: &Path) -> bool {
        self.is_readable_file(one) && one == other
    }
}

pub(crate) fn words(line: &str) -> Vec<OsString> {
    line.split(' ')
        .filter(|word| !word.is_empty())
        .map(OsString::from)
        .collect()
}

/// `''` stands for an empty argument.
pub(crate) fn planned(line: &str, settings: &Settings, disk: &Disk) -> Plan {
    let mut words = words(line);
    let compiler = words.remove(0);
    for word in &mut words {
        if word == "''" {
            word.clear();
        }
    }
    plan(
        &Call {
            called_as: &compiler,
            arguments: &words,
            directory: Path::new("/w"),
            settings,
        },
        disk,
    )
}

pub(crate) fn remote_with(line: &str, settings: &Settings, disk: &Disk) -> Remote {
    match planned(line, settings, disk) {
        Plan::Remote(remote) => *remote,
        Plan::Local(local) => panic!("{line} stays: {} {}", local.reason, local.detail),
    }
}

pub(crate) fn remote(line: &str) -> Remote {
    remote_with(
        line,
        &Settings::default(),
        &Disk::with(&["plugin.so", "d/list", "m.s", "k.h", "k.h.gch"]),
    )
}

pub(crate) fn local(line: &str) -> Local {
    match planned(
        line,
        &Settings::default(),
        &Disk::with(&[
            "plugin.so",
            "d/list",
            "m.s",
            "pipe!",
            "f.h.gch",
            "g.h",
            "g.h.gch",
            "g.h.pch",
        ]),
    ) {
        Plan::Local(local) => local,
        Plan::Remote(remote) => panic!("{line} travels with {:?}", remote.compile),
    }
}

pub(crate) fn stays(line: &str, reason: Reason) {
    let local = local(line);
    assert_eq!(local.reason, reason, "{line}: {}", local.detail);
}

/// What is sent for a line, blank-separated.
pub(crate) fn sent(line: &str) -> String {
    shown(&remote(line).compile)
}

pub(crate) fn shown(line: &[OsString]) -> String {
    line.join(OsStr::new(" ")).into_string().unwrap()
}
