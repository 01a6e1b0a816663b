//! A file beside its target, under another name until it is complete.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;

use super::OutputError;

/// A file that has no right name yet. Dropped unpublished, it is gone.
#[derive(Debug)]
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    target: PathBuf,
    published: bool,
}

impl Draft {
    pub(super) fn create(target: &Path, umask: u32) -> Result<Self, OutputError> {
        let path = draft_name(target);
        let failed = |doing| {
            let path = path.clone();
            move |source| OutputError::Io {
                path,
                doing,
                source,
            }
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(failed("creating it"))?;
        let permissions = Permissions::from_mode(0o666 & !umask);
        let draft = Self {
            file,
            path: path.clone(),
            target: target.to_owned(),
            published: false,
        };
        draft
            .file
            .set_permissions(permissions)
            .map_err(failed("setting its mode"))?;
        Ok(draft)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.file
            .write_all(bytes)
            .map_err(|source| OutputError::Io {
                path: self.path.clone(),
                doing: "writing",
                source,
            })
    }

    pub(super) fn publish(mut self) -> Result<(), OutputError> {
        match std::fs::symlink_metadata(&self.target) {
            // What was a file when the job was planned may have become something else.
            Ok(meta) if !meta.is_file() => {
                return Err(OutputError::NotAFile {
                    path: self.target.clone(),
                });
            }
            Ok(meta) if meta.len() == 0 => {
                return self.fill_target().map_err(|source| OutputError::Io {
                    path: self.target.clone(),
                    doing: "writing the result into it",
                    source,
                });
            }
            // What is renamed over a file goes to the disk at once on ext4 (`auto_da_alloc`), and waits for it.
            // Assemblers take it away first, too.
            Ok(_) => {
                let _ = std::fs::remove_file(&self.target);
            }
            Err(_) => {}
        }
        std::fs::rename(&self.path, &self.target).map_err(|source| OutputError::Io {
            path: self.target.clone(),
            doing: "renaming the result to it",
            source,
        })?;
        self.published = true;
        Ok(())
    }

    /// Copies the draft into the empty target. The copy is complete or the target empty again.
    fn fill_target(&mut self) -> io::Result<()> {
        // What took the file's place meanwhile is neither followed nor waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut target = OpenOptions::new()
            .write(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.target)?;
        self.file.rewind()?;
        let copied = io::copy(&mut self.file, &mut target);
        if copied.is_err() {
            let _ = target.set_len(0);
        }
        copied.map(drop)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A name beside the target that no other job of any agent uses now.
fn draft_name(target: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut name = target.file_name().unwrap_or_default().as_bytes().to_vec();
    name.truncate(200); // leaves room within the 255 bytes of a name
    name.extend(format!(".floe-{:x}-{number:x}", std::process::id()).bytes());
    target.with_file_name(std::ffi::OsStr::from_bytes(&name))
}
