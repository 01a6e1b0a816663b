//! Paths as text: nothing here looks at a disk.

use std::path::{Component, Path, PathBuf};

/// Removes `.` and `..` by text; `..` at the root stays at the root.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// A path as it stands in an archive: without the leading `/`.
pub(crate) fn in_archive(path: &Path) -> PathBuf {
    normal(path)
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

/// Moves what lies below `prefix` to `/usr`, as icecream does for compilers installed elsewhere: on
/// the executor they are started as `/usr/bin/gcc` and find their files relative to that.
pub(crate) fn under_usr(path: &Path, prefix: &Path) -> PathBuf {
    let path = normal(path);
    if prefix == Path::new("/") || prefix.as_os_str().is_empty() {
        return path;
    }
    match path.strip_prefix(prefix) {
        Ok(rest) => Path::new("/usr").join(rest),
        Err(_) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_by_text_and_never_leave_the_root() {
        assert_eq!(
            normal(Path::new("/usr/lib/gcc/../../x/./y")),
            Path::new("/usr/x/y")
        );
        assert_eq!(in_archive(Path::new("/../../etc/x")), Path::new("etc/x"));
    }

    #[test]
    fn a_foreign_prefix_becomes_usr() {
        let prefix = Path::new("/opt/gcc-14");
        assert_eq!(
            under_usr(Path::new("/opt/gcc-14/lib/gcc/14/specs"), prefix),
            Path::new("/usr/lib/gcc/14/specs")
        );
        assert_eq!(
            under_usr(Path::new("/opt/gcc-14.2/specs"), prefix),
            Path::new("/opt/gcc-14.2/specs")
        );
        assert_eq!(
            under_usr(Path::new("/usr/lib/x"), Path::new("/usr")),
            Path::new("/usr/lib/x")
        );
        assert_eq!(
            under_usr(Path::new("/lib/x"), Path::new("/")),
            Path::new("/lib/x")
        );
    }
}
