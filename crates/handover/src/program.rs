//! Where the `floe` program is: the wrapper starts it as agent and for `--build-native`.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use job::variable;

/// The path searched when PATH is unset, as the C library does.
pub const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Finds `floe`: `$FLOE_PROGRAM` (and nothing else when that is set), beside this executable,
/// along PATH, in /usr/bin.
pub fn floe() -> Option<PathBuf> {
    if let Some(named) = env::var_os(variable::FLOE_PROGRAM).filter(|value| !value.is_empty()) {
        let path = PathBuf::from(named);
        return (path.is_absolute() && is_program(&path)).then_some(path);
    }
    let beside = env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join("floe")));
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    beside
        .into_iter()
        .chain(
            env::split_paths(&path)
                .filter(|dir| dir.is_absolute())
                .map(|dir| dir.join("floe")),
        )
        .chain([PathBuf::from("/usr/bin/floe")])
        .find(|candidate| is_program(candidate))
}

/// Whether a file that somebody may execute is there.
pub fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
