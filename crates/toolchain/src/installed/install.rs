//! One toolchain on its way into the store.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use job::{Digest, EnvironmentName, Platform};
use store::{ObjectLease, Store, StoreError};

use super::{Installed, Key};
use crate::manifest::{self, Identity, Manifest, ManifestError};
use crate::root::resolve;
use crate::unpack::{Keep, Limits, Listing, UnpackError, Unpacked, Why, in_pieces, list};

/// By this program icecream, too, tells a toolchain from something else.
const ASSEMBLER: &str = "usr/bin/as";
const NO_ASSEMBLER: &str = "usr/bin/as is not an executable file in it";

/// Why a toolchain was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Nothing to do.
    #[error("toolchain {0} is installed already")]
    Present(String),
    /// Another peer is sending it; try again.
    #[error("toolchain {0} is being installed at this moment; try again")]
    Busy(String),
    /// This host's disk, or its limit.
    #[error("toolchain {0} cannot be kept: {1}")]
    Store(String, #[source] StoreError),
    /// The sender's archive; or this host's disk, see [`InstallError::is_full`].
    #[error(transparent)]
    Archive(#[from] UnpackError),
    /// The sender's archive.
    #[error("toolchain {0} is unusable: {1}")]
    Unusable(String, &'static str),
    /// The sender's word for it.
    #[error(
        "what was sent as toolchain {0} is {1}: among members toolchains are called by their content"
    )]
    Misnamed(String, Identity),
    /// The sender's archive.
    #[error("toolchain {0} is refused: {1}")]
    Manifest(String, #[source] ManifestError),
}

impl InstallError {
    /// There is no room on this host at the moment; the toolchain is not to blame.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Store(_, error) => error.is_full(),
            Self::Archive(error) => matches!(&error.why, Why::Store(error) if error.is_full()),
            _ => false,
        }
    }

    /// It will be refused whenever it is sent: it makes no sense, or is too large for this host.
    pub fn is_final(&self) -> bool {
        match self {
            // The right one may come under this name.
            Self::Present(_) | Self::Busy(_) | Self::Misnamed(..) => false,
            Self::Store(_, error) => matches!(error, StoreError::TooLarge { .. }),
            Self::Archive(error) => matches!(error.why, Why::Refused(_) | Why::TooLarge { .. }),
            Self::Unusable(..) | Self::Manifest(..) => true,
        }
    }
}

/// A toolchain that is being received. Blocking: to be used from a thread that may wait.
#[derive(Debug)]
pub struct Installing {
    installed: Installed,
    key: Key,
    limits: Limits,
    /// It is taken under no name but its content's.
    by_content: bool,
    /// What was received, and the files of it, which stay as long as they are held.
    received: Option<(Manifest, Vec<ObjectLease>)>,
}

impl Installing {
    pub(super) fn new(installed: Installed, key: Key, limits: Limits) -> Self {
        Self {
            installed,
            key,
            limits,
            by_content: false,
            received: None,
        }
    }

    /// Takes it under its content's name only: nobody can then take a name away from the toolchain whose it is.
    pub fn by_content(mut self) -> Self {
        self.by_content = true;
        self
    }

    /// Unpacks the archive that `reader` yields to its end. Once only.
    pub fn unpack(&mut self, reader: impl Read) -> Result<Unpacked, InstallError> {
        let name = self.key.1.as_str();
        let mut listing = Listing::new(Files {
            store: self.installed.store(),
            kept: Vec::new(),
            bytes: 0,
            limit: self.limits.bytes,
        });
        let done = list(reader, name, &mut listing, self.limits)?;
        let (manifest, mut files) = listing.finish();
        let manifest = manifest.map_err(|error| InstallError::Manifest(name.to_owned(), error))?;
        let kept = std::mem::take(&mut files.kept);
        drop(files);
        self.received = Some((manifest, kept));
        Ok(done)
    }

    /// Makes the toolchain visible, and tells what it is.
    pub fn commit(mut self) -> Result<Identity, InstallError> {
        let Some((manifest, files)) = self.received.take() else {
            return Err(InstallError::Unusable(self.key.1.to_string(), NO_ASSEMBLER));
        };
        let identity = manifest.identity();
        let fits = !self.by_content || identity.environment_name().as_ref() == Ok(&self.key.1);
        let made = match fits {
            true => self.installed.make(&self.key, &manifest),
            false => Err(InstallError::Misnamed(self.key.1.to_string(), identity)),
        };
        match made {
            // The tree has them now.
            Ok(_) => drop(files),
            Err(_) => self.received = Some((manifest, files)),
        }
        made
    }
}

impl Installed {
    /// Makes a toolchain of files that came one by one and are in the store.
    pub fn assemble(
        &self,
        platform: Platform,
        name: EnvironmentName,
        manifest: &Manifest,
    ) -> Result<Identity, InstallError> {
        self.make(&(platform, name), manifest)
    }

    fn make(&self, key: &Key, manifest: &Manifest) -> Result<Identity, InstallError> {
        let name = key.1.to_string();
        if !has_program(manifest, ASSEMBLER) {
            return Err(InstallError::Unusable(name, NO_ASSEMBLER));
        }
        let store = self.store();
        let identity = manifest.identity();
        let furnished =
            furnish(manifest, store).map_err(|error| InstallError::Store(name.clone(), error))?;
        let Some((entries, _empty)) = furnished else {
            let why = "something stands where the sandbox needs a directory or an empty file";
            return Err(InstallError::Unusable(name, why));
        };
        let tree = store
            .build(identity.0, entries)
            .map_err(|error| InstallError::Store(name, error))?;
        self.state().names.insert(key.clone(), identity);
        self.save();
        // Until now nothing else could be dropped for want of its name.
        drop(tree);
        Ok(identity)
    }
}

impl Drop for Installing {
    fn drop(&mut self) {
        if let Some((_, files)) = self.received.take() {
            self.installed.store().discard(files);
        }
        self.installed.state().installing.remove(&self.key);
    }
}

/// Takes files into the store.
struct Files<'a> {
    store: &'a Store,
    kept: Vec<ObjectLease>,
    /// Of this toolchain, on the disk.
    bytes: u64,
    limit: u64,
}

impl Keep for Files<'_> {
    fn keep(&mut self, size: u64, executable: bool, body: &mut dyn Read) -> Result<Digest, Why> {
        self.bytes = self.bytes.saturating_add(size);
        let mut incoming = self.store.begin(size).map_err(|error| self.why(error))?;
        in_pieces(body, size, |piece| {
            incoming.write(piece).map_err(|error| self.why(error))
        })?;
        let lease = incoming
            .commit(executable)
            .map_err(|error| self.why(error))?;
        let digest = lease.digest();
        self.kept.push(lease);
        Ok(digest)
    }
}

/// Files of an archive that was not received to its end are of no use.
impl Drop for Files<'_> {
    fn drop(&mut self) {
        self.store.discard(std::mem::take(&mut self.kept));
    }
}

impl Files<'_> {
    /// A toolchain that fills the store all by itself is too large, not unlucky.
    fn why(&self, error: StoreError) -> Why {
        match error {
            StoreError::TooLarge { .. } => self.too_large(),
            StoreError::NoRoom { .. } if self.bytes > self.limit / 10 * 9 => self.too_large(),
            error => Why::Store(error),
        }
    }

    fn too_large(&self) -> Why {
        Why::TooLarge {
            limit: self.limit,
            what: "bytes on the disk (--cache-limit)",
        }
    }
}

/// What the store is to build: the members, and the places at which a sandbox mounts something, which
/// are no part of the toolchain's identity. None if a member is in the way.
fn furnish(
    manifest: &Manifest,
    store: &Store,
) -> Result<Option<(Vec<store::Entry>, ObjectLease)>, StoreError> {
    let mut members: BTreeMap<PathBuf, store::Kind> = manifest
        .entries()
        .iter()
        .map(|entry| (entry.path.as_path().to_path_buf(), kind(&entry.kind)))
        .collect();
    let empty = store.put(b"", false)?;
    let file = store::Kind::File {
        digest: empty.digest(),
        executable: false,
        size: 0,
    };
    let directory = store::Kind::Directory { sticky: false };
    for name in ["dev", "proc", "tmp"] {
        let there = members.entry(name.into()).or_insert(directory.clone());
        if *there != directory {
            return Ok(None);
        }
    }
    members.insert("tmp".into(), store::Kind::Directory { sticky: true });
    for name in ["dev/null", "dev/zero", "dev/urandom", "dev/random"] {
        let there = members.entry(name.into()).or_insert(file.clone());
        if !matches!(there, store::Kind::File { .. }) {
            return Ok(None);
        }
    }
    let entries = members
        .into_iter()
        .map(|(path, kind)| store::Entry { path, kind });
    Ok(Some((entries.collect(), empty)))
}

fn kind(kind: &manifest::Kind) -> store::Kind {
    match kind {
        manifest::Kind::Directory => store::Kind::Directory { sticky: false },
        manifest::Kind::File {
            executable,
            size,
            digest,
        } => store::Kind::File {
            digest: *digest,
            executable: *executable,
            size: *size,
        },
        manifest::Kind::Symlink { target } => store::Kind::Symlink {
            target: target.as_path().to_path_buf(),
        },
    }
}

/// Whether `path` is an executable file, links resolved as inside the toolchain.
fn has_program(manifest: &Manifest, path: &str) -> bool {
    let entries = manifest.entries().iter();
    let members: BTreeMap<&Path, &manifest::Kind> = entries
        .map(|entry| (entry.path.as_path(), &entry.kind))
        .collect();
    let link = |at: &Path| match members.get(at)? {
        manifest::Kind::Symlink { target } => Some(target.as_path().to_path_buf()),
        _ => None,
    };
    resolve(Path::new(path), link).is_some_and(|found| {
        matches!(
            members.get(found.as_path()),
            Some(manifest::Kind::File {
                executable: true,
                ..
            })
        )
    })
}
