//! Paths inside an unpacked toolchain, resolved as a process in there would: its root is `/`.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

const MOST_LINKS: usize = 40;

/// Whether `path` is an executable regular file, links resolved within `root`.
pub(crate) fn has_program(root: &Path, path: &str) -> bool {
    let link = |at: &Path| std::fs::read_link(root.join(at)).ok();
    let Some(found) = resolve(Path::new(path), link) else {
        return false;
    };
    root.join(found)
        .symlink_metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Where `path` leads inside a toolchain: a path without links, relative to its root. `link` gives the
/// target of what is a link.
pub(crate) fn resolve(path: &Path, link: impl Fn(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
    let mut pending: Vec<OsString> = reversed(path);
    let mut at = PathBuf::new();
    let mut links = 0;
    while let Some(part) = pending.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        at.push(&part);
        if let Some(target) = link(&at) {
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            if target.is_absolute() {
                at.clear();
            } else {
                at.pop();
            }
            pending.extend(reversed(&target));
        }
    }
    Some(at)
}

fn reversed(path: &Path) -> Vec<OsString> {
    let keep = |part| match part {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    let mut parts: Vec<_> = path.components().filter_map(keep).collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_within_the_root_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("usr/bin")).unwrap();
        symlink("/usr/bin/gas", root.join("usr/bin/as")).unwrap();
        symlink("../../../../usr/bin/env", root.join("usr/bin/out")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        assert!(!has_program(root, "usr/bin/as"));
        std::fs::write(root.join("usr/bin/gas"), "x").unwrap();
        assert!(!has_program(root, "usr/bin/as"));
        std::fs::set_permissions(root.join("usr/bin/gas"), PermissionsExt::from_mode(0o755))
            .unwrap();
        assert!(has_program(root, "usr/bin/as"));
        assert!(Path::new("/usr/bin/env").exists() && !has_program(root, "usr/bin/out"));
        assert!(!has_program(root, "loop") && !has_program(root, "usr"));
    }
}
