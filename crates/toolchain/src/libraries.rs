//! Which libraries a program needs and where they must stand on the executor, so that the dynamic
//! loader there finds the very files that it finds here.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::elf::Kind;
use crate::loader::{Loader, expand};
use crate::path::{normal, under_usr};

/// A library (or the dynamic loader) that a program needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Library {
    /// Where it was found here.
    pub(crate) source: PathBuf,
    /// Where it must stand there: absolute.
    pub(crate) target: PathBuf,
    pub(crate) cached: Cached,
}

/// Whether the loader's cache must know a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cached {
    /// Found by its path alone.
    No,
    /// Found relative to the program, which the loader knows only where /proc is mounted; icecream's
    /// daemons do not mount it. Yields to another library of the same name.
    Fallback(Vec<u8>, Kind),
    /// Found by its name alone.
    Yes(Vec<u8>, Kind),
}

/// A library that is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) library: String,
    pub(crate) needed_by: PathBuf,
}

struct Loaded {
    source: PathBuf,
    target: PathBuf,
    parent: Option<usize>,
}

/// Everything that the loader maps for the file at `source` (links resolved) when it is started as
/// `target`. Breadth first as the loader does it, one namespace per program.
pub(crate) fn closure(
    loader: &mut Loader,
    source: &Path,
    target: &Path,
    prefix: &Path,
) -> Result<Vec<Library>, Missing> {
    let mut found = Vec::new();
    let Some(program) = loader.elf(source).cloned() else {
        return Ok(found);
    };
    if program.needed.is_empty() && program.interpreter.is_none() {
        return Ok(found);
    }
    let is_musl = program
        .interpreter
        .as_deref()
        .is_some_and(|path| file_name(path).starts_with(b"ld-musl"));
    if let Some(interpreter) = &program.interpreter {
        if !interpreter.exists() {
            let library = interpreter.to_string_lossy().into_owned();
            return Err(Missing {
                library,
                needed_by: source.to_path_buf(),
            });
        }
        // The kernel opens it by the path in the program: it cannot be moved.
        found.push(Library {
            source: interpreter.clone(),
            target: normal(interpreter),
            cached: Cached::No,
        });
    }
    let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut queue = vec![Loaded {
        source: source.to_path_buf(),
        target: target.to_path_buf(),
        parent: None,
    }];
    let mut next = 0;
    while next < queue.len() {
        let needed = loader
            .elf(&queue[next].source)
            .map(|elf| elf.needed.clone())
            .unwrap_or_default();
        for name in needed {
            if is_loader(&name) || (is_musl && is_within_musl(&name)) || !names.insert(name.clone())
            {
                continue;
            }
            let Some(library) = search(loader, &queue, next, &name, prefix, program.kind) else {
                let library = String::from_utf8_lossy(&name).into_owned();
                return Err(Missing {
                    library,
                    needed_by: queue[next].source.clone(),
                });
            };
            queue.push(Loaded {
                source: library.source.clone(),
                target: library.target.clone(),
                parent: Some(next),
            });
            found.push(library);
        }
        next += 1;
    }
    Ok(found)
}

fn search(
    loader: &mut Loader,
    queue: &[Loaded],
    asker: usize,
    name: &[u8],
    prefix: &Path,
    kind: Kind,
) -> Option<Library> {
    let name_as_path = Path::new(OsStr::from_bytes(name));
    if name.contains(&b'/') {
        let fits = name_as_path.is_absolute() && loader.fits(name_as_path, kind);
        return fits.then(|| Library {
            source: name_as_path.to_path_buf(),
            target: normal(name_as_path),
            cached: Cached::No,
        });
    }
    let runpath = loader
        .elf(&queue[asker].source)
        .map(|elf| elf.runpath.clone())
        .unwrap_or_default();
    let mut lists = Vec::new();
    if runpath.is_empty() {
        // RPATH holds for what a library itself needs, too, unless it has a RUNPATH.
        let mut at = Some(asker);
        while let Some(index) = at {
            let elf = loader.elf(&queue[index].source);
            let rpath = elf
                .filter(|elf| elf.runpath.is_empty())
                .map(|elf| elf.rpath.clone())
                .unwrap_or_default();
            lists.push((index, rpath));
            at = queue[index].parent;
        }
    } else {
        lists.push((asker, runpath));
    }
    for (owner, list) in lists {
        let (here, there) = (
            directory(&queue[owner].source),
            directory(&queue[owner].target),
        );
        for entry in &list {
            for (here, there) in expand(entry, here).into_iter().zip(expand(entry, there)) {
                let source = here.join(name_as_path);
                if loader.fits(&source, kind) {
                    let is_relative = owner == 0 && entry.windows(6).any(|word| word == b"ORIGIN");
                    let cached = if is_relative {
                        Cached::Fallback(name.to_vec(), kind)
                    } else {
                        Cached::No
                    };
                    return Some(Library {
                        source,
                        target: normal(&there.join(name_as_path)),
                        cached,
                    });
                }
            }
        }
    }
    let source = loader.system(OsStr::from_bytes(name), kind)?;
    let target = under_usr(&source, prefix);
    Some(Library {
        source,
        target,
        cached: Cached::Yes(name.to_vec(), kind),
    })
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn file_name(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_bytes()
}

/// The dynamic loader is mapped already when a library asks for it.
fn is_loader(name: &[u8]) -> bool {
    [&b"ld-linux"[..], b"ld-musl", b"ld64.so", b"ld.so"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// musl is one library under the names of the traditional ones.
fn is_within_musl(name: &[u8]) -> bool {
    [
        &b"c."[..],
        b"pthread.",
        b"rt.",
        b"m.",
        b"dl.",
        b"util.",
        b"xnet.",
    ]
    .iter()
    .any(|rest| {
        name.strip_prefix(b"lib")
            .is_some_and(|name| name.starts_with(rest))
    })
}
