//! Archives of this host's own compilers, for its own clients.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use icecream::GetNativeEnv;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use toolchain::{Compression, NativeCache, NativeError};

/// Threads that may wait for archives: most clients ask for the same one.
const MOST_AT_ONCE: usize = 8;
/// Archives that the status text lists.
const MOST_LISTED: usize = 64;

/// Why there is no archive. The client compiles locally.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoArchive {
    #[error("a client asks for the archive of {0:?}, which is no absolute path")]
    Relative(PathBuf),
    #[error(
        "a client asks for compression {0:?}; ICECC_ENV_COMPRESSION may be none, gzip, bzip2, zstd or xz"
    )]
    Compression(String),
    #[error("{0:?} is a script that changes the compiler's options; its compiles stay here")]
    AltersOptions(PathBuf),
    #[error(transparent)]
    Pack(#[from] NativeError),
    #[error("packing a compiler failed: {0}")]
    Internal(String),
}

pub(crate) struct Natives {
    cache: Arc<NativeCache>,
    threads: Semaphore,
    /// What was handed out: key, path and size.
    listed: Mutex<BTreeMap<String, (String, u64)>>,
}

impl Natives {
    pub(crate) fn new(base_dir: &Path, limit: u64) -> Self {
        Self {
            cache: Arc::new(NativeCache::with_limit(base_dir.join("native"), limit)),
            threads: Semaphore::new(MOST_AT_ONCE),
            listed: Mutex::default(),
        }
    }

    /// The path of the archive, packed now if need be.
    pub(crate) async fn get(&self, wanted: GetNativeEnv) -> Result<Vec<u8>, NoArchive> {
        let key = shown_key(&wanted);
        let compiler = absolute(wanted.compiler)?;
        let extra = wanted
            .extra_files
            .into_iter()
            .map(absolute)
            .collect::<Result<Vec<_>, _>>()?;
        let compression = match wanted.compression.as_str() {
            "" => Compression::default(),
            name => match Compression::parse(name) {
                Some(compression) => compression,
                None => return Err(NoArchive::Compression(wanted.compression)),
            },
        };
        let _thread = self.threads.acquire().await;
        let cache = Arc::clone(&self.cache);
        let path = compiler.clone();
        let made = spawn_blocking(move || cache.get(&path, &extra, compression)).await;
        let native = made.map_err(|error| NoArchive::Internal(error.to_string()))??;
        if native.alters_options {
            return Err(NoArchive::AltersOptions(compiler));
        }
        let archive = native.archive;
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if listed.len() < MOST_LISTED || listed.contains_key(&key) {
            listed.insert(key, (archive.path.display().to_string(), archive.bytes));
        }
        Ok(archive.path.as_os_str().as_bytes().to_vec())
    }

    /// Key, path and size of each archive.
    pub(crate) fn inventory(&self) -> Vec<(String, String, u64)> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed
            .iter()
            .map(|(key, (path, size))| (key.clone(), path.clone(), *size))
            .collect()
    }
}

/// As icecream's daemon shows it: compression, compiler, further files.
fn shown_key(wanted: &GetNativeEnv) -> String {
    let files = std::iter::once(&wanted.compiler).chain(&wanted.extra_files);
    let files: Vec<_> = files.map(|file| String::from_utf8_lossy(file)).collect();
    format!("{}:{}", wanted.compression, files.join(":"))
        .escape_debug()
        .take(1000)
        .collect()
}

fn absolute(path: Vec<u8>) -> Result<PathBuf, NoArchive> {
    let path = PathBuf::from(OsString::from_vec(path));
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(NoArchive::Relative(path))
    }
}
