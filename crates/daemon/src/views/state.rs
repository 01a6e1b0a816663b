//! Which trees a view has, and which job gets which.

use std::sync::Arc;

use tokio::time::Instant;
use wire::message::Refusal;

use super::disk::Tree;
use super::index::{Index, Slot};
use super::lost::Lost;
use super::places::{Growth, Places};
use super::tools::Tools;
use super::view::Lease;

/// Trees of one view for new jobs: more than one only where jobs disagree on a path.
const MOST_TREES: usize = 8;

#[derive(Debug)]
pub(super) struct State {
    pub(super) index: Index,
    /// For new jobs; the one that was used last is the last.
    pub(super) trees: Vec<Standing>,
    pub(super) next: u32,
    pub(super) used: Instant,
    /// Jobs that wait for their tree.
    pub(super) waiting: u32,
}

#[derive(Debug)]
pub(super) struct Standing {
    pub(super) number: u32,
    pub(super) tree: Arc<Tree>,
    pub(super) places: Places,
    /// So many messages had been applied when it was made.
    pub(super) made: u32,
}

/// A tree that is to be made or to grow.
pub(super) struct Plan {
    /// None: a new one.
    pub(super) tree: Option<(u32, Arc<Tree>)>,
    pub(super) places: Option<Places>,
    pub(super) growth: Growth,
    pub(super) number: u32,
    pub(super) made: u32,
    /// For one job only, which names what is gone.
    pub(super) is_own: bool,
    pub(super) cost: u64,
}

impl State {
    /// A tree that has all that a job wants.
    pub(super) fn ready(
        &mut self,
        slots: &[Slot],
        directory: &[u8],
    ) -> Result<Option<Lease>, Lost> {
        let found = self
            .trees
            .iter()
            .rposition(|standing| standing.places.has_all(slots));
        let Some(found) = found else {
            return Ok(None);
        };
        let standing = self.trees.remove(found);
        let there = standing.places.is_directory(&self.index, directory);
        let lease = Lease(Arc::clone(&standing.tree));
        self.trees.push(standing);
        self.used = Instant::now();
        match there {
            true => Ok(Some(lease)),
            false => Err(nowhere(directory)),
        }
    }

    /// Which tree is to have a job's files, and how it gets them.
    pub(super) fn plan(&mut self, slots: &[Slot], tools: &Tools) -> Result<Plan, Lost> {
        let index = &self.index;
        let is_own = slots.iter().any(|slot| index.get(*slot).is_gone);
        for standing in self.trees.iter().rev().filter(|_| !is_own) {
            let is_used = Arc::strong_count(&standing.tree) > 1;
            let since = is_used.then_some(standing.made);
            if let Ok(growth) = standing.places.plan(index, slots, since) {
                return Ok(Plan {
                    tree: Some((standing.number, Arc::clone(&standing.tree))),
                    places: None,
                    cost: Tree::cost_of(&growth.steps),
                    growth,
                    number: standing.number,
                    made: standing.made,
                    is_own,
                });
            }
        }
        let places = Places::of(tools);
        let growth = places.plan(index, slots, None).map_err(|taken| {
            let path = taken.path.escape_ascii();
            let text = format!("there is something else at or above {path}");
            Lost::new(Refusal::FilesMissing, text)
        })?;
        if self.trees.len() >= MOST_TREES {
            // The one that was used least lately; its jobs keep it.
            self.trees.remove(0);
        }
        let number = self.next;
        self.next += 1;
        Ok(Plan {
            tree: None,
            places: Some(places),
            cost: Tree::cost(tools) + Tree::cost_of(&growth.steps),
            growth,
            number,
            made: self.index.messages(),
            is_own,
        })
    }
}

pub(super) fn nowhere(directory: &[u8]) -> Lost {
    let text = format!(
        "its directory {} is not among the files",
        directory.escape_ascii()
    );
    Lost::new(Refusal::FilesMissing, text)
}
