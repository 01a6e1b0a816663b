//! How clang finds its own headers and gcc's: by where its program is, which is another place in a toolchain that was
//! packed, and by files that it looks for and does not read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use includes::Compiler;

/// What makes an executor's compiler find the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// Arguments that come first.
    pub(super) arguments: Vec<Vec<u8>>,
    /// Files that must be there.
    pub(super) marks: Vec<PathBuf>,
    /// Files that it reads on its own account, and says nothing when they are not there.
    pub(super) lists: Vec<PathBuf>,
    /// Where these would be that are not there.
    pub(super) no_lists: Vec<PathBuf>,
}

/// What sanitizers leave out unless the user says otherwise (clang 14, 16 and 20), in `share` of the resource directory.
const LISTS: &[&str] = &[
    "asan_ignorelist.txt",
    "cfi_ignorelist.txt",
    "dfsan_abilist.txt",
    "hwasan_ignorelist.txt",
    "memtag_ignorelist.txt",
    "msan_ignorelist.txt",
    "tsan_ignorelist.txt",
    "tysan_ignorelist.txt",
    "ubsan_ignorelist.txt",
];

impl Own {
    pub(super) fn of(compiler: &Compiler, sanitizes: bool) -> Self {
        if !compiler.is_clang {
            return Self::default();
        }
        let mut own = Self::default();
        let searched = compiler.directories.iter();
        for path in searched.map(|path| Path::new(OsStr::from_bytes(path))) {
            if let Some(resources) = resources(path)
                && own.arguments.is_empty()
            {
                let mut argument = b"-resource-dir=".to_vec();
                argument.extend(resources.as_os_str().as_bytes());
                own.arguments.push(argument);
                if sanitizes {
                    let lists = LISTS.iter().map(|name| resources.join("share").join(name));
                    (own.lists, own.no_lists) = lists.partition(|list| list.is_file());
                }
            }
            own.marks.extend(installation(path));
        }
        own.marks.dedup();
        own
    }
}

/// `…/lib/clang/14.0.6`, if this is `include` below it.
fn resources(path: &Path) -> Option<&Path> {
    let above = path.parent()?;
    let is_clang = above.parent()?.file_name()? == "clang";
    (path.file_name()? == "include" && is_clang).then_some(above)
}

/// What clang knows an installation of gcc by, if the path leads through one: `…/lib/gcc/x86_64-linux-gnu/12/..`.
fn installation(path: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = path.components().collect();
    let at = parts.windows(2).position(|pair| {
        pair[0].as_os_str() == "lib"
            && matches!(pair[1].as_os_str().as_bytes(), b"gcc" | b"gcc-cross")
    })?;
    let version = parts.get(..at + 4)?;
    Some(version.iter().collect::<PathBuf>().join("crtbegin.o"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clangs_places_are_told_from_others() {
        let resources = |path| resources(Path::new(path)).map(Path::to_owned);
        assert_eq!(
            resources("/usr/lib/llvm-14/lib/clang/14.0.6/include"),
            Some(PathBuf::from("/usr/lib/llvm-14/lib/clang/14.0.6"))
        );
        assert_eq!(resources("/usr/include"), None);
        assert_eq!(
            installation(Path::new(
                "/usr/bin/../lib/gcc/x86_64-linux-gnu/12/../../../../include/c++/12"
            )),
            Some(PathBuf::from(
                "/usr/bin/../lib/gcc/x86_64-linux-gnu/12/crtbegin.o"
            ))
        );
        assert_eq!(installation(Path::new("/usr/include")), None);
    }
}
