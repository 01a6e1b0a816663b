//! One view: what was told on it, its trees, and which job gets which.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use job::Digest;
use membership::MemberId;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use wire::message::{JobInputs, Refusal};
use wire::view::{Ids, What, read};

use super::disk::{Failed, Ground, Tree};
use super::index::{Bad, Index, Slot};
use super::limits::{Books, Charge, Seat};
use super::lost::Lost;
use super::state::{Plan, Standing, State, nowhere};
use super::tools::Tools;
use super::waiting::Waiting;

/// How long a job waits for what is told on its view.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long somebody waits for room that others give back, each time.
const ROOM: Duration = Duration::from_secs(5);
/// How many others are asked for theirs.
const OTHERS: usize = 8;

/// See the module.
#[derive(Debug)]
pub(crate) struct View {
    directory: PathBuf,
    member: MemberId,
    toolchain: Digest,
    marker: [u8; 16],
    books: Books,
    seat: Seat,
    ground: OnceCell<Arc<Ground>>,
    tools: OnceCell<Arc<Tools>>,
    state: Mutex<State>,
    /// Whoever changes trees, or says what is gone, holds this; never taken by a job that finds its tree.
    changing: Arc<tokio::sync::Mutex<()>>,
    told: watch::Sender<Told>,
}

/// What a view is made of.
pub(super) struct Parts {
    pub(super) directory: PathBuf,
    pub(super) member: MemberId,
    pub(super) toolchain: Digest,
    pub(super) marker: [u8; 16],
    pub(super) books: Books,
    pub(super) seat: Seat,
}

#[derive(Clone, Debug, Default)]
struct Told {
    messages: u32,
    lost: Option<Lost>,
}

/// A tree, which stays as it is for a job while the job has this.
#[derive(Clone, Debug)]
pub(crate) struct Lease(pub(super) Arc<Tree>);

impl Lease {
    pub(crate) fn root(&self) -> &Path {
        self.0.root()
    }
}

impl View {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            directory: parts.directory,
            member: parts.member,
            toolchain: parts.toolchain,
            marker: parts.marker,
            books: parts.books,
            seat: parts.seat,
            ground: OnceCell::new(),
            tools: OnceCell::new(),
            state: Mutex::new(State {
                index: Index::default(),
                trees: Vec::new(),
                next: 0,
                used: Instant::now(),
                waiting: 0,
            }),
            changing: Arc::default(),
            told: watch::Sender::default(),
        }
    }

    pub(super) fn member(&self) -> MemberId {
        self.member
    }

    pub(super) fn last_used(&self) -> Instant {
        self.state().used
    }

    /// Whether no job has or wants anything of it.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        let unused = |standing: &Standing| Arc::strong_count(&standing.tree) == 1;
        state.waiting == 0 && state.trees.iter().all(unused)
    }

    /// It is over: no new job gets anything of it.
    pub(super) fn lose(&self, reason: Refusal, text: &str) {
        self.lost(Lost::new(reason, text));
    }

    pub(super) fn lost(&self, lost: Lost) {
        self.told.send_if_modified(|told| {
            let is_news = told.lost.is_none();
            told.lost.get_or_insert(lost);
            is_news
        });
        let trees = std::mem::take(&mut self.state().trees);
        drop(trees);
    }

    /// Waits for the end that somebody else makes of it.
    pub(super) async fn ended(&self) -> Lost {
        let mut told = self.told.subscribe();
        let lost = match told.wait_for(|told| told.lost.is_some()).await {
            Ok(told) => told.lost.clone(),
            Err(_) => None,
        };
        lost.unwrap_or_else(|| Lost::new(Refusal::FilesMissing, "the view is over"))
    }

    /// Room in memory for entries that are coming.
    pub(super) async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        timeout(PATIENCE, self.seat.room(bytes)).await.ok()?
    }

    /// Takes entries that have come whole.
    pub(super) async fn apply(self: &Arc<Self>, count: u32, bytes: Vec<u8>) -> Result<(), Lost> {
        let ground = self.ground().await?;
        let view = Arc::clone(self);
        // What its files take is known when they are read, in the time of one disk write each.
        let judged = blocking(move || {
            let told = read(&bytes, count).map_err(|bad| {
                let text = format!("entries make no sense: {bad}");
                Lost::new(Refusal::BadInput, text)
            })?;
            let new = view
                .state()
                .index
                .judge(told.iter().map(|(id, entry, _)| (*id, entry)))?;
            let mut cost = 0;
            for (_, entry, contents) in &told {
                if let What::File(body) = &entry.what {
                    cost += Ground::cost(body.size);
                    if blake3::hash(contents).as_bytes() != body.digest.as_bytes() {
                        let path = entry.path.to_string();
                        return Err(Bad::OtherBytes { path }.into());
                    }
                }
            }
            Ok::<_, Lost>((bytes, new, cost))
        });
        let (bytes, new, cost) = judged.await?;
        let charge = self.charge(cost).await?;
        let view = Arc::clone(self);
        blocking(move || {
            ground.pay(charge);
            // It was read once without a fault.
            let told = read(&bytes, count).unwrap_or_default();
            for (slot, (_, entry, contents)) in new.slots().zip(&told) {
                if let What::File(body) = &entry.what {
                    let put = ground.put(slot, body, contents);
                    put.map_err(|error| Lost::disk(&error))?;
                }
            }
            let mut state = view.state();
            state.index.add(new);
            state.used = Instant::now();
            let messages = state.index.messages();
            drop(state);
            view.told.send_modify(|told| told.messages = messages);
            Ok(())
        })
        .await
    }

    /// These are gone: trees that have one of them get no new jobs.
    pub(super) async fn gone(&self, ids: &Ids) -> Result<(), Lost> {
        let _changing = self.changing.lock().await;
        let mut state = self.state();
        let State { index, trees, .. } = &mut *state;
        let slots = index.remove(ids)?;
        let (stale, good) = std::mem::take(trees)
            .into_iter()
            .partition(|standing: &Standing| {
                let mut slots = slots.iter();
                slots.any(|slot| standing.places.shows(index, *slot))
            });
        *trees = good;
        let messages = index.messages();
        drop(state);
        let stale: Vec<Standing> = stale;
        drop(stale);
        self.told.send_modify(|told| told.messages = messages);
        Ok(())
    }

    /// The tree for a job of the toolchain that is installed at `tools`. Waits for what was not told yet.
    pub(crate) async fn tree(
        self: &Arc<Self>,
        toolchain: &Digest,
        tools: &Path,
        inputs: &JobInputs,
        directory: &[u8],
    ) -> Result<Lease, Lost> {
        if *toolchain != self.toolchain {
            let text = "the view is one of another toolchain";
            return Err(Lost::new(Refusal::FilesMissing, text));
        }
        let _waiting = Waiting::new(self);
        self.has_heard(inputs.after.get()).await?;
        let slots = {
            let mut state = self.state();
            let slots = state.index.job(inputs)?;
            if let Some(lease) = state.ready(&slots, directory)? {
                return Ok(lease);
            }
            slots
        };
        self.grow(slots, tools, directory).await
    }

    async fn has_heard(&self, messages: u32) -> Result<(), Lost> {
        let mut told = self.told.subscribe();
        let heard = told.wait_for(|told| told.lost.is_some() || told.messages >= messages);
        match timeout(PATIENCE, heard).await {
            Ok(Ok(told)) => match &told.lost {
                None => Ok(()),
                Some(lost) => Err(lost.clone()),
            },
            _ => {
                let text = "what the job reads was not told in time";
                Err(Lost::new(Refusal::FilesMissing, text))
            }
        }
    }

    async fn grow(
        self: &Arc<Self>,
        slots: Vec<Slot>,
        tools: &Path,
        directory: &[u8],
    ) -> Result<Lease, Lost> {
        let changing = Arc::clone(&self.changing).lock_owned().await;
        let ground = self.ground().await?;
        let tools = self.tools(tools).await?;
        let plan = {
            let mut state = self.state();
            // Another job may have brought them.
            if let Some(lease) = state.ready(&slots, directory)? {
                return Ok(lease);
            }
            state.plan(&slots, &tools)?
        };
        let charge = self.charge(plan.cost).await?;
        let (view, directory) = (Arc::clone(self), directory.to_vec());
        // To its end, even if nobody waits any more.
        blocking(move || {
            let _changing = changing;
            view.build(&ground, &tools, plan, charge, &directory)
        })
        .await
    }

    fn build(
        &self,
        ground: &Arc<Ground>,
        tools: &Tools,
        plan: Plan,
        charge: Charge,
        directory: &[u8],
    ) -> Result<Lease, Lost> {
        let tree = match &plan.tree {
            Some((_, tree)) => Arc::clone(tree),
            None => {
                let made = Tree::make(ground, plan.number, tools);
                Arc::new(made.map_err(|error| Lost::disk(&error))?)
            }
        };
        tree.pay(charge);
        let grown = tree.grow(&plan.growth.steps, tools);
        let mut state = self.state();
        if let Err(failed) = grown {
            if matches!(failed, Failed::Disk(_)) {
                // Nobody knows what is in it now.
                state
                    .trees
                    .retain(|standing| standing.number != plan.number);
            }
            return Err(failed.into());
        }
        let is_over = self.told.borrow().lost.is_some();
        let State { index, trees, .. } = &mut *state;
        let own;
        let places = match (plan.places, plan.is_own || is_over) {
            (Some(mut places), true) => {
                places.grown(plan.growth);
                own = places;
                Some(&own)
            }
            (Some(mut places), false) => {
                places.grown(plan.growth);
                trees.push(Standing {
                    number: plan.number,
                    tree: Arc::clone(&tree),
                    places,
                    made: plan.made,
                });
                trees.last().map(|standing| &standing.places)
            }
            (None, _) => {
                let standing = trees.iter_mut().find(|known| known.number == plan.number);
                standing.map(|standing| {
                    standing.places.grown(plan.growth);
                    &standing.places
                })
            }
        };
        let there = places.is_some_and(|places| places.is_directory(index, directory));
        state.used = Instant::now();
        drop(state);
        match there {
            true => Ok(Lease(tree)),
            false => Err(nowhere(directory)),
        }
    }

    async fn ground(&self) -> Result<Arc<Ground>, Lost> {
        let make = || async {
            let charge = self.charge(4 * Ground::cost(1)).await?;
            let (directory, marker) = (self.directory.clone(), self.marker);
            let ground = blocking(move || Ground::make(directory, &marker)).await;
            let ground = ground.map_err(|error| Lost::disk(&error))?;
            ground.pay(charge);
            Ok(ground)
        };
        self.ground.get_or_try_init(make).await.cloned()
    }

    async fn tools(&self, root: &Path) -> Result<Arc<Tools>, Lost> {
        let read = || async {
            let root = root.to_path_buf();
            let tools = blocking(move || Tools::read(&root)).await;
            tools.map(Arc::new).map_err(|error| Lost::disk(&error))
        };
        self.tools.get_or_try_init(read).await.cloned()
    }

    /// Room on the disk; what others do not use goes for it.
    async fn charge(&self, bytes: u64) -> Result<Charge, Lost> {
        for _ in 0..OTHERS {
            let freed = self.books.freed();
            let full = match self.books.charge(self.member, bytes) {
                Ok(charge) => return Ok(charge),
                Err(full) => full,
            };
            if !self.books.give_up_one(self, full) {
                return Err(full.into());
            }
            // It comes when the other's files are gone; else another one is asked.
            let _late = timeout(ROOM, freed).await;
        }
        self.books.charge(self.member, bytes).map_err(Lost::from)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `work` where waiting hurts nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(value) => value,
        // The work is never cancelled, so it panicked: as if it had been called here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
