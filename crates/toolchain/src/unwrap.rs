//! What a script around a compiler makes of a command line: it is run and watched, and ended at the
//! moment when it would become the compiler. Scripts such as Nix's decide by the user's options and
//! variables, so each command line is shown to them anew.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::observe::{Started, Trial, observe};

/// A command line as the user gave it to the script.
#[derive(Debug, Clone, Copy)]
pub struct Wrapped<'a> {
    pub script: &'a Path,
    pub arguments: &'a [OsString],
    pub environment: &'a [(OsString, OsString)],
    pub directory: &'a Path,
    /// The source among the arguments: scripts ask compilers for their version first.
    pub source: &'a OsStr,
}

/// The command line that the compiler would have got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    pub program: PathBuf,
    /// As which it would have been called.
    pub called_as: OsString,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
}

/// Why it is not known. Another try does not help; the compile stays here.
#[derive(Debug, thiserror::Error)]
pub enum UnwrapError {
    #[error(
        "{script} changes options and cannot be watched: {source}; name the compiler behind it"
    )]
    Watch { script: PathBuf, source: io::Error },
    #[error(
        "{script} changes options and did not run {driver} for this source; name the compiler behind it"
    )]
    NotRun { script: PathBuf, driver: PathBuf },
}

/// Runs the script until it becomes one of `drivers`.
pub fn unwrap(wrapped: &Wrapped<'_>, drivers: &[PathBuf]) -> Result<Behind, UnwrapError> {
    let is_it = |started: &Started| {
        drivers.contains(&started.image)
            && started.arguments.iter().any(|word| word == wrapped.source)
    };
    let seen = observe(&Trial {
        program: wrapped.script,
        arguments: wrapped.arguments,
        directory: wrapped.directory,
        environment: Some(wrapped.environment),
        search: None,
        until: Some(&is_it),
    });
    let mut seen = seen.map_err(|source| UnwrapError::Watch {
        script: wrapped.script.to_path_buf(),
        source,
    })?;
    match seen.runs.pop().filter(is_it) {
        Some(Started {
            image,
            arguments,
            environment,
        }) => {
            let mut words = arguments.into_iter();
            let own = job::variable::ICECC;
            let given = wrapped
                .environment
                .iter()
                .filter(|(name, _)| name == own)
                .cloned();
            let kept = environment.into_iter().filter(|(name, _)| name != own);
            Ok(Behind {
                program: image,
                called_as: words.next().unwrap_or_default(),
                arguments: words.collect(),
                environment: kept.chain(given).collect(),
            })
        }
        None => Err(UnwrapError::NotRun {
            script: wrapped.script.to_path_buf(),
            driver: drivers.first().cloned().unwrap_or_default(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_script_shows_what_it_would_run_and_runs_it_not() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("cc");
        let text = "#!/bin/sh\n/usr/bin/gcc -dumpversion >/dev/null\nexport SEEN=1\n\
            case \"$*\" in *-O2*) set -- -fPIC \"$@\" ;; esac\nexec /usr/bin/gcc \"$@\" -fwrapv\n";
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(dir.path().join("a b.c"), "int x;\n").unwrap();
        let drivers = [Path::new("/usr/bin/gcc").canonicalize().unwrap()];
        let arguments = ["-O2", "-c", "a b.c"].map(OsString::from);
        let environment =
            [("PATH", "/usr/bin"), ("ICECC", "no")].map(|(a, b)| (a.into(), b.into()));
        let wrapped = Wrapped {
            script: &script,
            arguments: &arguments,
            environment: &environment,
            directory: dir.path(),
            source: OsStr::new("a b.c"),
        };
        let behind = match unwrap(&wrapped, &drivers) {
            Err(UnwrapError::Watch { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                return println!("SKIPPED: ptrace is forbidden here");
            }
            behind => behind.unwrap(),
        };
        assert_eq!(behind.arguments, ["-fPIC", "-O2", "-c", "a b.c", "-fwrapv"]);
        assert_eq!(
            (&behind.program, &*behind.called_as),
            (&drivers[0], OsStr::new("/usr/bin/gcc"))
        );
        assert!(behind.environment.contains(&("SEEN".into(), "1".into())));
        assert!(behind.environment.contains(&("ICECC".into(), "no".into())));
        assert!(!dir.path().join("a b.o").exists());
        let other = Wrapped {
            source: OsStr::new("other.c"),
            ..wrapped
        };
        assert!(matches!(
            unwrap(&other, &drivers),
            Err(UnwrapError::NotRun { .. })
        ));
    }
}
