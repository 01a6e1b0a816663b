//! A case: one thing that icecream's own suite asks for.

use anyhow::Result;
use lab::Suite;

use crate::bed::{Bed, BedSpec};
use crate::need::Need;

/// What a check does: an error says what is not as it should be.
pub type Check = Box<dyn Fn(&mut Bed) -> Result<()> + Send + Sync>;

/// One case. Its name is that of the original's matrix, `T01` to `T90`, with the
/// compiler where a case is run for several.
pub struct Case {
    pub id: String,
    /// In words.
    pub title: &'static str,
    pub needs: Vec<Need>,
    pub gaps: Vec<Gap>,
    pub check: Check,
}

/// A check that a suite is known to fail. It must fail, and in this way: a gap that has closed
/// fails the run until it is taken off the list.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    pub suite: Suite,
    /// Part of the failure's text.
    pub shows: &'static str,
    pub why: &'static str,
}

impl Case {
    pub fn new(
        id: &str,
        title: &'static str,
        check: impl Fn(&mut Bed) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: id.to_owned(),
            title,
            needs: Vec::new(),
            gaps: Vec::new(),
            check: Box::new(check),
        }
    }

    pub fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    pub fn gap(mut self, suite: Suite, shows: &'static str, why: &'static str) -> Self {
        self.gaps.push(Gap { suite, shows, why });
        self
    }

    /// The gap of that suite here.
    pub fn gap_of(&self, suite: Suite) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.suite == suite)
    }
}

/// Cases that share one cluster.
pub struct Theme {
    pub name: &'static str,
    pub bed: BedSpec,
    pub cases: Vec<Case>,
}
