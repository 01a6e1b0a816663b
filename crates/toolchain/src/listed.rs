//! What an archive holds that a user made: its manifest, so that members can call it by its content as
//! they call what was packed automatically.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use job::Digest;

use crate::manifest::{Manifest, ManifestError};
use crate::unpack::{Keep, Limits, Listing, UnpackError, Why, in_pieces, list};

/// Why an archive has no manifest. Whoever made the archive has to make another one, unless it cannot be
/// read at all.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("toolchain archive {archive} cannot be read: {why}")]
    Unread {
        archive: String,
        #[source]
        why: io::Error,
    },
    #[error(transparent)]
    Archive(#[from] UnpackError),
    #[error("toolchain archive {archive} is refused: {why}")]
    Manifest {
        archive: String,
        #[source]
        why: ManifestError,
    },
}

/// Reads the archive at `path` to its end. What an executor would refuse is refused here.
pub fn list_archive(path: &Path, limits: Limits) -> Result<Manifest, ListError> {
    let archive = path.display().to_string();
    let unread = |why| ListError::Unread {
        archive: archive.clone(),
        why,
    };
    let file = File::open(path).map_err(unread)?;
    let mut listing = Listing::new(Hash);
    match list(file, &archive, &mut listing, limits) {
        Ok(_) => {}
        Err(UnpackError {
            why: Why::Damaged(why),
            ..
        }) => return Err(unread(why)),
        Err(error) => return Err(error.into()),
    }
    let (manifest, _) = listing.finish();
    manifest.map_err(|why| ListError::Manifest { archive, why })
}

/// Keeps nothing but digests.
pub(crate) struct Hash;

impl Keep for Hash {
    fn keep(&mut self, size: u64, _: bool, body: &mut dyn Read) -> Result<Digest, Why> {
        let mut hasher = blake3::Hasher::new();
        in_pieces(body, size, |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        Ok(Digest::from_bytes(*hasher.finalize().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Kind;

    fn archive(name: &str, link: &str) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o755);
        header.set_cksum();
        builder
            .append_data(&mut header, name, &b"text"[..])
            .unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder
            .append_link(&mut header, "usr/bin/cc", link)
            .unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn an_archive_is_what_it_holds_however_it_is_packed() {
        let dir = tempfile::tempdir().unwrap();
        let plain = archive("usr/bin/as", "as");
        let packed = zstd::encode_all(&plain[..], 1).unwrap();
        let written = [("a.tar", &plain), ("b.tar.zst", &packed)].map(|(name, bytes)| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            list_archive(&path, Limits::default()).unwrap()
        });
        assert_eq!(written[0].identity(), written[1].identity());
        let file = written[0].files().next().unwrap();
        assert_eq!((file.1, file.2), (true, 4));
        assert_eq!(
            file.3,
            Digest::from_bytes(*blake3::hash(b"text").as_bytes())
        );
        let links = written[0].entries().iter();
        let links = links.filter(|entry| matches!(entry.kind, Kind::Symlink { .. }));
        assert_eq!(links.count(), 1);
    }

    #[test]
    fn what_an_executor_would_refuse_has_no_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.tar");
        let listed = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let error = list_archive(&path, Limits::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains("bad.tar"), "{error}");
            error
        };
        let good = archive("usr/bin/as", "as");
        assert!(listed(&good[..700]).contains("cannot be read"));
        assert!(listed(&archive("usr/bin/as", "../../../etc/passwd")).contains("refused"));
        assert!(listed(&[7; 2000]).contains("refused"));
        std::fs::remove_file(&path).unwrap();
        let gone = list_archive(&path, Limits::default()).unwrap_err();
        assert!(gone.to_string().contains("cannot be read"), "{gone}");
    }
}
