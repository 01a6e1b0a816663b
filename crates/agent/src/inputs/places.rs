//! Where paths lead: the way that the kernel goes, with the links and directories on it. What is at a place is
//! looked up once for each source.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// As many links as Linux follows in one path.
const MOST_LINKS: usize = 40;

/// Bytes of an absolute path without `.`, `..` and links; empty for the root.
pub(crate) type Physical = Vec<u8>;

/// What must be there so that paths lead where they do.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) links: BTreeMap<Physical, Vec<u8>>,
    pub(crate) directories: BTreeSet<Physical>,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Directory(Physical),
    File(Physical),
    /// Nothing is there, and this is where it would be.
    Nothing(Physical),
    /// Too many links, or what cannot be looked at.
    Strange,
}

#[derive(Clone, Debug)]
enum Step {
    Directory,
    File,
    Link(Vec<u8>),
    Nothing,
    Strange,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Places {
    steps: HashMap<Physical, Step>,
    /// Where directories lead, as they are spelled.
    directories: HashMap<Vec<u8>, Place>,
    pub(crate) way: Way,
}

impl Places {
    /// Follows a path from the directory `start`, which is absolute.
    pub(crate) fn find(&mut self, start: &Path, path: &Path) -> Place {
        let whole = start.join(path);
        let whole = whole.as_os_str().as_bytes();
        let cut = whole.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let (parent, name) = whole.split_at(cut);
        let name = name.strip_prefix(b"/").unwrap_or(name);
        if matches!(name, b"" | b"." | b"..") {
            return self.directory(whole);
        }
        match self.directory(parent) {
            Place::Directory(above) => self.walk(above, name, 0),
            Place::Nothing(mut place) => {
                join(&mut place, name);
                Place::Nothing(place)
            }
            Place::File(mut place) => {
                join(&mut place, name);
                Place::Nothing(place)
            }
            Place::Strange => Place::Strange,
        }
    }

    /// The same for what is a directory, most likely; it is remembered.
    pub(crate) fn directory(&mut self, spelled: &[u8]) -> Place {
        if let Some(place) = self.directories.get(spelled) {
            return place.clone();
        }
        let place = self.walk(Physical::new(), spelled, 0);
        if let Place::Directory(physical) = &place
            && !physical.is_empty()
        {
            self.way.directories.insert(physical.clone());
        }
        self.directories.insert(spelled.to_owned(), place.clone());
        place
    }

    fn walk(&mut self, mut here: Physical, path: &[u8], links: usize) -> Place {
        if path.starts_with(b"/") {
            here.clear();
        }
        let mut is_directory = true;
        let mut components = path.split(|byte| *byte == b'/').peekable();
        while let Some(component) = components.next() {
            match component {
                b"" | b"." => continue,
                b".." => {
                    // It must be there to be left.
                    if !here.is_empty() {
                        self.way.directories.insert(here.clone());
                    }
                    let end = here.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    here.truncate(end);
                    continue;
                }
                _ => {}
            }
            let before = here.len();
            join(&mut here, component);
            let is_last = components.peek().is_none();
            match self.step(&here) {
                Step::Directory => {}
                Step::File if is_last => is_directory = false,
                Step::File | Step::Nothing => {
                    components.for_each(|rest| join(&mut here, rest));
                    return Place::Nothing(here);
                }
                Step::Strange => return Place::Strange,
                Step::Link(_) if links >= MOST_LINKS => return Place::Strange,
                Step::Link(target) => {
                    self.way.links.insert(here.clone(), target.clone());
                    here.truncate(before);
                    let place = self.walk(here, &target, links + 1);
                    if is_last {
                        return place;
                    }
                    match place {
                        Place::Directory(at) => here = at,
                        Place::File(mut at) | Place::Nothing(mut at) => {
                            components.for_each(|rest| join(&mut at, rest));
                            return Place::Nothing(at);
                        }
                        Place::Strange => return Place::Strange,
                    }
                }
            }
        }
        match is_directory {
            true => Place::Directory(here),
            false => Place::File(here),
        }
    }

    fn step(&mut self, place: &[u8]) -> Step {
        if let Some(step) = self.steps.get(place) {
            return step.clone();
        }
        let path = Path::new(OsStr::from_bytes(place));
        let step = match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => Step::Directory,
            Ok(meta) if meta.is_file() => Step::File,
            Ok(meta) if meta.is_symlink() => match fs::read_link(path) {
                Ok(target) => Step::Link(target.as_os_str().as_bytes().to_vec()),
                Err(_) => Step::Strange,
            },
            Ok(_) => Step::Strange,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Step::Nothing,
            Err(_) => Step::Strange,
        };
        self.steps.insert(place.to_owned(), step.clone());
        step
    }
}

fn join(path: &mut Physical, component: &[u8]) {
    path.push(b'/');
    path.extend_from_slice(component);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn at(root: &Path, name: &str) -> Physical {
        root.join(name).as_os_str().as_bytes().to_vec()
    }

    #[test]
    fn paths_lead_where_the_kernel_goes() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        for directory in ["real/deep", "other"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::write(root.join("real/a.h"), "").unwrap();
        fs::write(root.join("other/a.h"), "").unwrap();
        symlink("real/deep", root.join("link")).unwrap();
        symlink("a.h", root.join("real/b.h")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let mut places = Places::default();
        let mut find = |path: &str| places.find(&root, Path::new(path));
        assert_eq!(find("real/a.h"), Place::File(at(&root, "real/a.h")));
        // Behind a link `..` is another place than the text says.
        assert_eq!(find("link/../a.h"), Place::File(at(&root, "real/a.h")));
        assert_eq!(find("real/b.h"), Place::File(at(&root, "real/a.h")));
        assert_eq!(find("link"), Place::Directory(at(&root, "real/deep")));
        assert_eq!(
            find("."),
            Place::Directory(at(&root, "")[..root.as_os_str().len()].to_vec())
        );
        for (path, place) in [
            ("none.h", "none.h"),
            ("no/such/x.h", "no/such/x.h"),
            ("real/a.h/x", "real/a.h/x"),
            ("link/x.h", "real/deep/x.h"),
        ] {
            assert_eq!(find(path), Place::Nothing(at(&root, place)), "{path}");
        }
        assert_eq!(find("loop/x"), Place::Strange);
        let links: Vec<&[u8]> = places.way.links.values().map(|to| &to[..]).collect();
        assert_eq!(links, [&b"real/deep"[..], b"loop", b"a.h"]);
        assert!(places.way.directories.contains(&at(&root, "real/deep")));
    }
}
