//! The files by which compilers know the user's zone: they write a source's time into `__TIMESTAMP__`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the C library looks.
const HERE: &str = "/etc/localtime";
const ZONES: &str = "/usr/share/zoneinfo";
/// The rules of a zone that names a summer time and does not say when.
const RULES: &str = "posixrules";

/// The files that are there for a zone, by what the environment says; `None` where they may be others.
pub(super) fn files<'a>(get: impl Fn(&str) -> Option<&'a OsStr>) -> Option<Vec<PathBuf>> {
    if get("TZDIR").is_some() {
        return None;
    }
    let named = match get("TZ") {
        None => vec![PathBuf::from(HERE)],
        Some(zone) => {
            let zone = zone.as_bytes();
            let zone = OsStr::from_bytes(zone.strip_prefix(b":").unwrap_or(zone));
            let below = Path::new(ZONES);
            match zone.is_empty() {
                // That is UTC, which some have a file for.
                true => vec![below.join("Universal")],
                false => vec![below.join(zone), below.join(RULES)],
            }
        }
    };
    Some(named.into_iter().filter(|path| path.is_file()).collect())
}
