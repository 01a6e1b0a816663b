//! The files of members' jobs: what an agent has told of its own files on a view's stream, and for each job a
//! directory that is its whole root, with its toolchain and these files at their own paths
//! (`docs/protocol.md`, "The files of a member's jobs").
//!
//! [`index`] knows what was told, [`places`] what is where in a tree and what a job lacks there; both are
//! pure. [`disk`] has the files, each once in a *pool*, and *trees* of hard links to them. A job that finds
//! all its files in a tree costs a look at a bit for each. [`view`] puts these together, [`stream`] listens to
//! the agent, [`limits`] counts what all of them take.

mod disk;
mod index;
mod limits;
mod lost;
mod places;
mod state;
mod stream;
mod tools;
mod view;
mod waiting;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use membership::MemberId;
use tokio::task::spawn_blocking;
use wire::message::Refusal;
use wire::name::ViewNumber;

use limits::Books;
pub(crate) use lost::Lost;
pub(crate) use stream::listen;
use view::Parts;
pub(crate) use view::{Lease, View};

/// All views. There is one.
#[derive(Debug)]
pub(crate) struct Views {
    directory: PathBuf,
    books: Books,
    next: AtomicU64,
}

impl Views {
    /// Takes over `<base>/views` and empties it. `cache` is how much this daemon keeps of toolchains.
    pub(crate) fn open(base: &Path, cache: u64) -> io::Result<Self> {
        let directory = std::path::absolute(base)?.join("views");
        store::clear(&directory)?;
        std::fs::create_dir(&directory)?;
        Ok(Self {
            directory,
            books: Books::new(cache),
            next: AtomicU64::new(0),
        })
    }

    /// Removes what is left when nobody comes any more.
    pub(crate) async fn clear(&self) {
        let directory = self.directory.clone();
        let cleared = spawn_blocking(move || store::clear(&directory)).await;
        if let Ok(Err(error)) = cleared {
            tracing::debug!("cannot remove the files of members' jobs: {error}");
        }
    }

    fn make(&self, member: MemberId, told: &wire::message::View) -> Result<Arc<View>, Lost> {
        let seat = self.books.seat(member).map_err(|_| {
            let text = "this host has all the views that it takes at a time";
            Lost::new(Refusal::OverLimit, text)
        })?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let view = Arc::new(View::new(Parts {
            directory: self.directory.join(number.to_string()),
            member,
            toolchain: told.toolchain,
            marker: told.marker.0,
            books: self.books.clone(),
            seat,
        }));
        self.books.enter(&view);
        Ok(view)
    }
}

/// The views of one connection, by the agent's numbers. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfLink(Arc<Mutex<HashMap<ViewNumber, Arc<View>>>>);

/// A view as long as its stream.
#[derive(Debug)]
pub(crate) struct Open {
    number: ViewNumber,
    view: Arc<View>,
    of: OfLink,
}

impl OfLink {
    /// Makes a view, at once, so that jobs that come behind it find it.
    pub(crate) fn open(
        &self,
        views: &Views,
        member: MemberId,
        told: &wire::message::View,
    ) -> Result<Open, Lost> {
        let mut all = self.all();
        if all.contains_key(&told.number) {
            let text = "a view of this number is there already";
            return Err(Lost::new(Refusal::BadInput, text));
        }
        let view = views.make(member, told)?;
        all.insert(told.number, Arc::clone(&view));
        Ok(Open {
            number: told.number,
            view,
            of: self.clone(),
        })
    }

    pub(crate) fn get(&self, number: ViewNumber) -> Option<Arc<View>> {
        self.all().get(&number).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ViewNumber, Arc<View>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.view.lose(Refusal::FilesMissing, "the view is over");
        self.of.all().remove(&self.number);
    }
}
