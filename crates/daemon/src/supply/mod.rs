//! Toolchains by content (`docs/protocol.md`): a member offers one, sends what is missing, and has
//! executors feed each other.
//!
//! The [`offer`] is the conversation; each member's each toolchain is an [`assembly`] meanwhile and for a while
//! after; files come on streams of their own ([`blob`]), or are fetched from another executor ([`fetch`]) that
//! hands them on ([`serve`]). What is here says nothing to a member that has not [proved](crate::proved) to have it as well,
//! of each file by its [`secrets`].

mod assembly;
mod blob;
mod fetch;
mod landing;
mod manifest;
mod offer;
mod secrets;
mod serve;
mod shares;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use job::Digest;
use membership::{Live, MemberId, Peer};
use store::Store;
use transport::Exchange;
use wire::ResetCode;
use wire::field::Line;
use wire::message::{Denied, Message, Retry};

use self::assembly::Assembly;
use self::fetch::Fellows;
use self::landing::blocking;
use self::secrets::Secrets;
use self::shares::Shares;
use crate::proved::Proved;
use crate::shop::Shop;

/// Toolchains under way or not long over, and of any one member.
const MOST: usize = 128;
const MOST_OF_ONE: usize = 16;
/// What nobody has had to do with for so long is forgotten.
const KEPT: Duration = Duration::from_secs(900);
/// Files that come, or go, at a time: a quarter of them for one member.
const MOST_COMING: usize = 128;
const MOST_GOING: usize = 64;

type Key = (MemberId, Digest);

/// What this host has to do with others' toolchains. There is one.
pub(crate) struct Supply {
    shop: Arc<Shop>,
    live: Live,
    me: MemberId,
    proved: Arc<Proved>,
    secrets: Arc<Secrets>,
    assemblies: Mutex<HashMap<Key, Arc<Assembly>>>,
    /// Who talks about a toolchain; others who want to talk about the same wait.
    turns: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
    fellows: Fellows,
    coming: Shares,
    going: Shares,
}

impl Supply {
    pub(crate) async fn open(shop: &Arc<Shop>, live: Live, me: MemberId) -> Arc<Self> {
        let store = shop.toolchains.store().clone();
        let secrets = blocking(move || Secrets::load(&store)).await;
        Arc::new(Self {
            shop: Arc::clone(shop),
            live,
            me,
            proved: Arc::clone(&shop.toolchains.proved),
            secrets: Arc::new(secrets),
            assemblies: Mutex::default(),
            turns: Mutex::default(),
            fellows: Fellows::default(),
            coming: Shares::new(MOST_COMING),
            going: Shares::new(MOST_GOING),
        })
    }

    /// Whether a member may know that this toolchain is here.
    pub(crate) fn knows(&self, member: MemberId, manifest: &Digest) -> bool {
        self.proved.has(member, manifest)
    }

    /// Lines for people about what arrives now.
    pub(crate) fn progress(&self) -> Vec<String> {
        let assemblies = self.assemblies();
        let coming = assemblies.values().filter(|one| one.have() < one.total);
        let line = |one: &Arc<Assembly>| {
            let name = &one.manifest.to_string()[..32];
            let (have, total) = (one.have() >> 10, one.total >> 10);
            format!("{name}: {have} of {total} KiB from {}", one.owner)
        };
        let mut lines: Vec<String> = coming.map(line).collect();
        lines.sort();
        lines
    }

    /// Whether this is for here; then it is answered.
    pub(crate) fn takes(message: &Message) -> bool {
        matches!(
            message,
            Message::Offer(_) | Message::Blob(_) | Message::Share(_) | Message::FetchBlob(_)
        )
    }

    /// Answers one stream of a member.
    pub(crate) async fn answer(
        self: Arc<Self>,
        peer: Arc<Peer>,
        message: Message,
        mut exchange: Exchange,
    ) {
        let needs = match message {
            Message::FetchBlob(_) => membership::Role::Execute,
            _ => membership::Role::Submit,
        };
        if let Err(why) = peer.needs(needs) {
            tracing::debug!("{} may not ask that: {why}", peer.name);
            return exchange.reset(ResetCode::FORBIDDEN);
        }
        match message {
            Message::Offer(offer) => self.offered(&peer, offer, exchange).await,
            Message::Blob(blob) => self.blob(&peer, blob, exchange).await,
            Message::Share(share) => {
                self.share(&peer, &share, &mut exchange).await;
            }
            Message::FetchBlob(fetch) => self.serve(&peer, fetch, exchange).await,
            _ => exchange.reset(ResetCode::OUT_OF_PLACE),
        }
    }

    fn store(&self) -> &Store {
        self.shop.toolchains.store()
    }

    fn assembly(&self, key: &Key) -> Option<Arc<Assembly>> {
        self.assemblies().get(key).cloned()
    }

    /// Keeps one more, if this member has room left.
    fn keep(&self, assembly: Assembly) -> Option<Arc<Assembly>> {
        let key = (assembly.owner, assembly.manifest);
        let mut known = self.assemblies();
        // Those that are talked about have more handles.
        known.retain(|_, one| Arc::strong_count(one) > 1 || one.idle() < KEPT);
        let of_one = known.keys().filter(|(owner, _)| *owner == key.0).count();
        if of_one >= MOST_OF_ONE || known.len() >= MOST {
            let mine = |owner: &MemberId| of_one < MOST_OF_ONE || *owner == key.0;
            let idle = known
                .iter()
                .filter(|((owner, _), one)| mine(owner) && Arc::strong_count(one) == 1);
            let oldest = idle.max_by_key(|(_, one)| one.idle()).map(|(key, _)| *key);
            known.remove(&oldest?);
        }
        let assembly = Arc::new(assembly);
        known.insert(key, Arc::clone(&assembly));
        Some(assembly)
    }

    fn turn(&self, key: Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        match turns.get(&key).and_then(Weak::upgrade) {
            Some(turn) => turn,
            None => {
                let turn = Arc::default();
                turns.insert(key, Arc::downgrade(&turn));
                turn
            }
        }
    }

    fn assemblies(&self) -> MutexGuard<'_, HashMap<Key, Arc<Assembly>>> {
        self.assemblies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says no, in the same words whatever is here and what is not.
fn denied(text: &str, retry: Retry, code: &str) -> Denied {
    Denied {
        text: Line::new(text),
        retry,
        code: Line::new(code),
    }
}
