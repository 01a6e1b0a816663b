//! What this host hands on to other executors: only to those whom somebody named who has brought it here.

use std::io::{Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use job::Digest;
use membership::{MemberId, Peer};
use toolchain::Manifest;
use transport::Exchange;
use transport::bulk::{SendError, pack};
use wire::ResetCode;
use wire::message::{Blob, Done, FetchBlob, Packing, Retry, Share};
use wire::name::Size;

use super::assembly::{Assembly, File};
use super::{Supply, blocking, denied};

/// How long an executor may take nothing of a file that it fetches.
const TAKEN: Duration = Duration::from_secs(30);

impl Supply {
    /// The owner of a toolchain lets others fetch it.
    pub(super) async fn share(&self, peer: &Peer, share: &Share, exchange: &mut Exchange) {
        let assembly = match self.assembly(&(peer.member, share.manifest)) {
            Some(assembly) => Some(assembly),
            None if self.proved.has(peer.member, &share.manifest) => {
                self.of_tree(peer.member, share.manifest).await
            }
            None => None,
        };
        let said = match assembly {
            Some(assembly) => {
                assembly.share(share.members.iter().copied());
                exchange.send(Done {}).await
            }
            None => {
                let no = denied("you have not brought that here", Retry::Never, "absent");
                exchange.send(no).await
            }
        };
        if said.is_ok() {
            let _gone = exchange.finish().await;
        }
    }

    /// Of a toolchain that was brought here earlier.
    async fn of_tree(&self, owner: MemberId, id: Digest) -> Option<Arc<Assembly>> {
        let store = self.store().clone();
        let manifest = blocking(move || {
            let tree = store.verify_tree(&id).ok()??;
            let entries = store.entries(&tree)?;
            Some(files(&entries))
        });
        let assembly = Assembly::new(owner, id, &manifest.await?);
        assembly.settled();
        self.keep(assembly)
    }

    /// Another executor fetches a file.
    pub(super) async fn serve(&self, peer: &Peer, fetch: FetchBlob, mut exchange: Exchange) {
        let Some((file, lease)) = self.found(peer.member, &fetch).await else {
            let no = denied("it is not to be had here", Retry::Elsewhere, "absent");
            if exchange.send(no).await.is_ok() {
                let _gone = exchange.finish().await;
            }
            return;
        };
        let Some(_room) = self.going.take(peer.member).await else {
            return exchange.reset(ResetCode::BUSY);
        };
        let offset = fetch.offset.get().min(file.size);
        let open = move || {
            let mut source = lease.open()?;
            source.seek(SeekFrom::Start(offset))?;
            Ok(Box::new(Held(source, lease)) as Box<dyn std::io::Read + Send>)
        };
        let packed = match pack(open, fetch.accepted.contains(&Packing::Zstd)).await {
            Ok(packed) => packed,
            Err(error) => {
                tracing::warn!("file {} cannot be read: {error}", fetch.file);
                return exchange.reset(ResetCode::FAILED);
            }
        };
        let blob = Blob {
            manifest: fetch.manifest,
            file: fetch.file,
            offset: Size::new(offset).unwrap_or(Size::MOST),
            size: Size::new(file.size).unwrap_or(Size::MOST),
            packing: packed.packing,
        };
        if exchange.send(blob).await.is_err() {
            return;
        }
        match packed.send(&mut exchange, TAKEN, drop).await {
            Ok(()) => {
                if exchange.finish().await.is_ok() {
                    // Dropped sooner, the stream would be reset under the last bytes.
                    let _over = tokio::time::timeout(TAKEN, exchange.next()).await;
                }
            }
            Err(SendError::Link(_)) => {}
            Err(SendError::Slow(_)) => exchange.reset(ResetCode::TOO_SLOW),
            Err(SendError::Source(error)) => {
                tracing::warn!("file {} cannot be read: {error}", fetch.file);
                exchange.reset(ResetCode::FAILED);
            }
        }
    }

    async fn found(
        &self,
        asker: MemberId,
        fetch: &FetchBlob,
    ) -> Option<(File, store::ObjectLease)> {
        let file = {
            let known = self.assemblies();
            let mut shared = known.values().filter(|one| one.manifest == fetch.manifest);
            shared.find_map(|one| one.may_fetch(asker, &fetch.file))?
        };
        let (store, digest) = (self.store().clone(), fetch.file);
        let lease = blocking(move || {
            let lease = store.lease(digest, file.executable);
            lease.or_else(|| store.lease(digest, !file.executable))
        });
        Some((file, lease.await?))
    }
}

/// An open file and what keeps it.
struct Held(
    std::fs::File,
    #[expect(dead_code, reason = "kept")] store::ObjectLease,
);

impl std::io::Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

/// The files of a tree, as far as fetching goes.
fn files(entries: &[store::Entry]) -> Manifest {
    use std::os::unix::ffi::OsStrExt as _;
    use toolchain::manifest::{Entry, Kind, MemberPath};
    let files = entries.iter().filter_map(|entry| match entry.kind {
        store::Kind::File {
            digest,
            executable,
            size,
        } => Some(Entry {
            path: MemberPath::parse(entry.path.as_os_str().as_bytes()).ok()?,
            kind: Kind::File {
                executable,
                size,
                digest,
            },
        }),
        _ => None,
    });
    Manifest::new(files).unwrap_or_default()
}
