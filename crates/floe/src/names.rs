//! Which program a name stands for.

use std::ffi::OsStr;
use std::path::Path;

/// What this process is, by the name it was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Floe,
    Daemon,
    Scheduler,
    CreateEnv,
    TestEnv,
    Wrapper,
}

/// Decides by the base name of `argv[0]`. A missing name is `floe` itself.
pub(crate) fn role(argv0: Option<&OsStr>) -> Role {
    let base = argv0
        .and_then(|name| Path::new(name).file_name())
        .and_then(OsStr::to_str);
    match base {
        None | Some("floe") => Role::Floe,
        Some("iceccd") => Role::Daemon,
        Some("icecc-scheduler") => Role::Scheduler,
        Some("icecc-create-env") => Role::CreateEnv,
        Some("icecc-test-env") => Role::TestEnv,
        Some(_) => Role::Wrapper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_role() {
        for (name, expected) in [
            ("floe", Role::Floe),
            ("/usr/bin/floe", Role::Floe),
            ("/usr/sbin/iceccd", Role::Daemon),
            ("icecc-scheduler", Role::Scheduler),
            ("/usr/lib/icecc/icecc-create-env", Role::CreateEnv),
            ("icecc-test-env", Role::TestEnv),
            ("icecc", Role::Wrapper),
            ("icerun", Role::Wrapper),
            ("x86_64-linux-gnu-g++-12", Role::Wrapper),
        ] {
            assert_eq!(role(Some(OsStr::new(name))), expected, "{name}");
        }
        assert_eq!(role(None), Role::Floe);
    }
}
