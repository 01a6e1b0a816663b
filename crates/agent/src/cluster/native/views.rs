//! What each executor was told of this host's files, for as long as its connection stands.
//!
//! A job names the entries that it reads by number. Those that its executor was not told yet go out first, on
//! the view's stream; the job goes out right behind, on its own, and waits there for them.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use job::{Digest, Reason};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use transport::{Exchange, Incoming, Link, LinkError};
use wire::field::{Exactly, Invalid, List};
use wire::message::{Ability, Entries, Gone, JobInputs, Message, Packing, View};
use wire::name::{Argument, Count, Size, ViewNumber};
use wire::view::{Batch, EntryId, Ids, What};

use super::pool::Warm;
use crate::cluster::{Failure, Files, Marker};
use crate::inputs::{self, NotTold, push};

/// For the hello of an executor.
const HELLO: Duration = Duration::from_secs(10);
/// How long an executor may take nothing of what it is told.
const TAKEN: Duration = Duration::from_secs(60);
/// What is told together: enough for packing to pay, little enough to be held in memory.
const TOGETHER: usize = 4 << 20;
/// Batches that may wait for the executor to take them.
const QUEUE: usize = 4;
/// zstd's own default.
const LEVEL: i32 = 3;

/// Of all executors.
#[derive(Debug, Default)]
pub(super) struct Views(Mutex<HashMap<(membership::MemberId, Digest), Shelf>>);

/// One job at a time tells; others that read the same files wait for it.
type Shelf = Arc<tokio::sync::Mutex<Option<Told>>>;

/// What one executor was told on one connection.
#[derive(Debug)]
struct Told {
    link: Link,
    number: ViewNumber,
    marker: Marker,
    entries: HashSet<EntryId>,
    /// How many of the catalogue's losses it knows.
    gone: usize,
    /// Messages that went out on the stream.
    count: u32,
    parcels: mpsc::Sender<Parcel>,
    lost: watch::Receiver<Option<String>>,
}

#[derive(Debug)]
enum Parcel {
    Entries(Entries, Vec<u8>),
    Gone(Gone),
}

impl Views {
    /// What a job says of its files, when everything before it is on its way.
    pub(super) async fn name(
        &self,
        warm: &Warm,
        (executor, toolchain): (membership::MemberId, Digest),
        files: &Files,
    ) -> Result<(JobInputs, Marker), Failure> {
        let has_terminals = takes_files(&warm.link, files).await?;
        let shelf = {
            let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            shelves.retain(|_, shelf| is_of_use(shelf));
            Arc::clone(shelves.entry((executor, toolchain)).or_default())
        };
        let Ok(mut shelf) = timeout(TAKEN, shelf.lock()).await else {
            return Err(missing("the executor takes no files".to_owned()));
        };
        let told = match shelf.take_if(|told| told.link.is_same(&warm.link) && !told.is_lost()) {
            Some(told) => told,
            None => Told::open(&warm.link, toolchain).await?,
        };
        let told = shelf.insert(told);
        if let Err(why) = told.tell(files).await {
            // Nobody knows what of it went out.
            *shelf = None;
            return Err(why);
        }
        let inputs = told
            .inputs(files, has_terminals)
            .map_err(|why| missing(why.to_string()))?;
        Ok((inputs, told.marker))
    }
}

/// Whether somebody is at it, or its connection stands.
fn is_of_use(shelf: &Shelf) -> bool {
    match shelf.try_lock() {
        Ok(told) => told.as_ref().is_some_and(|told| !told.is_lost()),
        Err(_) => true,
    }
}

/// Whether it has terminals for them, too.
async fn takes_files(link: &Link, files: &Files) -> Result<bool, Failure> {
    let hello = link.hello(HELLO).await;
    let hello = hello.map_err(|error| missing(error.to_string()))?;
    let can = |ability| hello.capabilities.can(ability);
    if !can(Ability::Files) {
        return Err(missing("the executor takes text only".to_owned()));
    }
    if files.other_outputs && !can(Ability::FileOutputs) {
        let why = "the executor makes objects and nothing else of files";
        return Err(missing(why.to_owned()));
    }
    Ok(can(Ability::Terminals))
}

impl Told {
    async fn open(link: &Link, toolchain: Digest) -> Result<Self, Failure> {
        let mut marker = [0; 16];
        let random =
            File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut marker));
        random.map_err(|error| missing(error.to_string()))?;
        let number = u64::from_le_bytes(*marker.first_chunk().unwrap_or(&[0; 8]));
        let number = ViewNumber::new(number).map_err(|why| missing(why.to_string()))?;
        let view = View {
            number,
            toolchain,
            marker: Exactly(marker),
        };
        let exchange = link.open(view).await;
        let exchange = exchange.map_err(|error| missing(error.to_string()))?;
        let (parcels, queue) = mpsc::channel(QUEUE);
        let (tell, lost) = watch::channel(None);
        tokio::spawn(carry(exchange, queue, tell));
        Ok(Self {
            link: link.clone(),
            number,
            marker: Marker::of(marker),
            entries: HashSet::new(),
            gone: 0,
            count: 0,
            parcels,
            lost,
        })
    }

    fn is_lost(&self) -> bool {
        self.lost.borrow().is_some() || self.parcels.is_closed() || self.link.is_over()
    }

    /// Sends what the executor lacks of a job's entries, and what of all entries is over.
    async fn tell(&mut self, files: &Files) -> Result<(), Failure> {
        let wanted = files.listing.entries.iter();
        let new: Vec<EntryId> = wanted.filter(|id| !self.entries.contains(id)).collect();
        let (gone, until) = {
            let catalogue = inputs::open(&files.catalogue);
            let lost = catalogue.gone_since(self.gone);
            let known = lost.iter().filter(|id| self.entries.contains(id));
            (known.copied().collect::<Vec<_>>(), self.gone + lost.len())
        };
        if !gone.is_empty() {
            let entries = Ids::new(gone).map_err(|why| missing(why.to_string()))?;
            self.send(Parcel::Gone(Gone { entries })).await?;
        }
        // Not before it is on its way: the job may be taken back at any moment.
        self.gone = until;
        let mut new = new.into_iter().peekable();
        while new.peek().is_some() {
            let (parcel, ids) = self.batch(files, &mut new).await?;
            self.send(parcel).await?;
            self.entries.extend(ids);
        }
        Ok(())
    }

    /// The next entries, as many as go together.
    async fn batch(
        &self,
        files: &Files,
        new: &mut std::iter::Peekable<std::vec::IntoIter<EntryId>>,
    ) -> Result<(Parcel, Vec<EntryId>), Failure> {
        let mut entries = Vec::new();
        {
            let catalogue = inputs::open(&files.catalogue);
            let mut size = 0;
            while size < TOGETHER
                && let Some(id) = new.next()
            {
                let entry = catalogue.entry(id);
                let entry = entry.ok_or_else(|| missing("an entry is not known".to_owned()))?;
                if let What::File(body) = &entry.what {
                    size = size.saturating_add(usize::try_from(body.size).unwrap_or(usize::MAX));
                }
                if size > wire::view::MOST_TOGETHER {
                    return Err(missing(format!("{} is too long", entry.path)));
                }
                entries.push((id, entry));
            }
        }
        let ids = entries.iter().map(|(id, _)| *id).collect();
        let packed = tokio::task::spawn_blocking(move || -> Result<_, NotTold> {
            let mut batch = Batch::default();
            for (id, entry) in &entries {
                push(&mut batch, *id, entry)?;
            }
            Ok((batch.count(), batch.bytes().len(), zstd(batch.bytes())))
        });
        let packed = packed.await.map_err(|error| missing(error.to_string()))?;
        let (count, size, bytes) = packed.map_err(|why| missing(why.to_string()))?;
        let bytes = bytes.map_err(|error| missing(error.to_string()))?;
        let message = |why: Invalid| missing(why.to_string());
        let entries = Entries {
            count: Count::new(count).map_err(message)?,
            size: Size::new(size as u64).map_err(message)?,
            packing: Packing::Zstd,
        };
        Ok((Parcel::Entries(entries, bytes), ids))
    }

    async fn send(&mut self, parcel: Parcel) -> Result<(), Failure> {
        match timeout(TAKEN, self.parcels.send(parcel)).await {
            Ok(Ok(())) => {
                self.count += 1;
                Ok(())
            }
            _ => {
                let why = self.lost.borrow().clone();
                Err(missing(
                    why.unwrap_or_else(|| "it takes no more".to_owned()),
                ))
            }
        }
    }

    fn inputs(&self, files: &Files, has_terminals: bool) -> Result<JobInputs, Invalid> {
        let terminal = files.terminal.as_ref().filter(|_| has_terminals);
        let of_terminal = terminal.into_iter().flatten();
        let environment = files.environment.iter().chain(of_terminal);
        let environment = environment.cloned().map(Argument::new);
        Ok(JobInputs {
            view: self.number,
            after: Count::new(self.count)?,
            entries: files.listing.entries.clone(),
            digest: files.listing.digest,
            environment: List::new(environment.collect::<Result<_, _>>()?)?,
            terminal: terminal.is_some(),
        })
    }
}

/// Sends what is told, until the executor has lost it or nobody tells any more.
async fn carry(
    mut exchange: Exchange,
    mut queue: mpsc::Receiver<Parcel>,
    tell: watch::Sender<Option<String>>,
) {
    let why = loop {
        let parcel = tokio::select! {
            parcel = queue.recv() => parcel,
            said = exchange.next() => break last_word(said),
        };
        let Some(parcel) = parcel else { return };
        match timeout(TAKEN, sent(&mut exchange, parcel)).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(said))) => break said,
            Ok(Err(error)) => break error.to_string(),
            Err(_) => break "the executor has not taken them in time".to_owned(),
        }
    };
    tell.send_replace(Some(why));
}

/// Sends one parcel; what the executor says meanwhile is its last word.
async fn sent(exchange: &mut Exchange, parcel: Parcel) -> Result<Option<String>, LinkError> {
    match parcel {
        Parcel::Gone(gone) => exchange.send(gone).await?,
        Parcel::Entries(entries, mut bytes) => {
            exchange.send(entries).await?;
            if !exchange.send_data_or_hear(&mut bytes).await? {
                return Ok(Some(last_word(exchange.next().await)));
            }
        }
    }
    Ok(None)
}

fn last_word(said: Result<Option<Incoming>, LinkError>) -> String {
    match said {
        Ok(Some(Incoming::Message(message))) => match *message {
            Message::ViewLost(lost) => lost.text.to_string(),
            other => format!("the executor said {}", other.name()),
        },
        Ok(_) => "the executor ended it".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn zstd(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL)
}

fn missing(why: String) -> Failure {
    Failure::elsewhere(Reason::FilesMissing, why)
}
