//! Writes a file set as an archive: reproducible tar (sorted, no times, no owners), compressed on all
//! cores, visible under its name only when it is complete.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use job::EnvironmentName;

use crate::compression::Compression;
use crate::fileset::FileSet;
use crate::identify::{identify, unreadable};
use crate::parallel::in_order;
use crate::tarstream::TarStream;

/// A packed toolchain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    pub path: PathBuf,
    pub name: EnvironmentName,
    /// Size of the archive file.
    pub bytes: u64,
}

/// Why an archive could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The user's files; a retry helps when they are readable again.
    #[error("{path} cannot be read: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// The disk's or the directory's fault.
    #[error(
        "{path} cannot be written: {source}; check rights and free space, or choose another directory"
    )]
    Write { path: PathBuf, source: io::Error },
    /// Somebody is installing a compiler at this moment.
    #[error("{path} changed while it was packed; try again when the installation is complete")]
    Changed { path: PathBuf },
}

/// Packs `set` into `dir` under its name.
pub fn pack(set: &FileSet, compression: Compression, dir: &Path) -> Result<Archive, PackError> {
    let name = identify(set)?.identity().environment_name();
    let name = name.map_err(|error| unreadable(&set.compiler, io::Error::other(error)))?;
    pack_as(set, name, compression, dir)
}

/// Packs under a name that [`identify`] gave.
pub(crate) fn pack_as(
    set: &FileSet,
    name: EnvironmentName,
    compression: Compression,
    dir: &Path,
) -> Result<Archive, PackError> {
    let path = dir.join(file_name(&name, compression));
    let unwritable = |source| PackError::Write {
        path: path.clone(),
        source,
    };
    let stream = TarStream::of(set).map_err(unwritable)?;
    let (temporary, file) = temporary(dir).map_err(unwritable)?;
    let finished = write(&stream, compression, file, &path).and_then(|bytes| {
        match set.watch.clone().changed() {
            Some(path) => Err(PackError::Changed { path }),
            None => std::fs::rename(&temporary, &path)
                .map(|()| bytes)
                .map_err(unwritable),
        }
    });
    if finished.is_err() {
        // What stays behind has a name that caches sweep.
        let _ = std::fs::remove_file(&temporary);
    }
    Ok(Archive {
        bytes: finished?,
        path,
        name,
    })
}

pub(crate) fn file_name(name: &EnvironmentName, compression: Compression) -> String {
    format!("{name}{}", compression.suffix())
}

thread_local! {
    /// A block before compression: memory that a thread uses again.
    static PLAIN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn write(
    stream: &TarStream<'_>,
    compression: Compression,
    mut file: File,
    path: &Path,
) -> Result<u64, PackError> {
    let unwritable = |source| PackError::Write {
        path: path.to_path_buf(),
        source,
    };
    let block = compression.block();
    let blocks = stream.len().div_ceil(block as u64) as usize;
    let mut bytes = 0;
    in_order(
        blocks,
        |index| {
            PLAIN.with_borrow_mut(|plain| {
                stream
                    .read(index as u64 * block as u64, block, plain)
                    .map_err(|e| unreadable(&e.path, e.source))?;
                compression.compress(plain).map_err(unwritable)
            })
        },
        |packed: Vec<u8>| {
            bytes += packed.len() as u64;
            file.write_all(&packed).map_err(unwritable)
        },
    )?;
    Ok(bytes)
}

/// How temporary files in a cache begin; what follows is the process that writes.
pub(crate) const TEMPORARY: &str = ".packing-";

fn temporary(dir: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let unique = format!(
        "{TEMPORARY}{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let path = dir.join(unique);
    // A file of a dead process with our number is in nobody's use.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = File::options().write(true).create_new(true).open(&path)?;
    Ok((path, file))
}
