//! The name of split debug information, which an object has in it: the compiler makes it of `-o`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::input::{base_name, with_extension};
use crate::plan::Family;
use crate::reading::Reading;

/// Since this one `-dumpdir` and `-dumpbase` are the driver's own options.
pub(super) const LEAST_GCC: u32 = 11;

/// Arguments that make the names what they are here, wherever the executor has the compiler write. `None` where the
/// names are not known. Measured with gcc 11 and 12, clang 14 and 16.
pub(super) fn names(reading: &Reading<'_>, output: &Path) -> Option<Vec<OsString>> {
    // What the link makes of it was not looked at.
    if reading.lto.is_some() || reading.emit_llvm {
        return None;
    }
    match reading.family {
        Family::Gcc => of_gcc(output),
        Family::Clang => of_clang(reading, output),
    }
}

fn of_gcc(output: &Path) -> Option<Vec<OsString>> {
    let dwo = with_extension(output, "dwo");
    let base = base_name(dwo.as_os_str()).to_vec();
    let stem = base.strip_suffix(b".dwo").filter(|stem| !stem.is_empty())?;
    let whole = dwo.as_os_str().as_bytes();
    let directory = &whole[..whole.len() - base.len()];
    let words = [
        &b"-dumpdir"[..],
        directory,
        b"-dumpbase",
        stem,
        b"-dumpbase-ext",
        b"",
    ];
    Some(words.map(|word| OsStr::from_bytes(word).to_owned()).into())
}

fn of_clang(reading: &Reading<'_>, output: &Path) -> Option<Vec<OsString>> {
    // With less debug information, and for some targets, clang splits nothing, and says so or not.
    if reading.debug_level < 2 || reading.target {
        return None;
    }
    let name = match (reading.split_within, reading.assembly) {
        (true, _) => output.as_os_str().to_owned(),
        (false, false) => with_extension(output, "dwo").into_os_string(),
        // Named after the source, whatever `-o` says, and written there with nothing in it.
        (false, true) => return None,
    };
    let words = [
        "-Xclang".into(),
        "-split-dwarf-file".into(),
        "-Xclang".into(),
    ];
    Some(words.into_iter().chain([name]).collect())
}
