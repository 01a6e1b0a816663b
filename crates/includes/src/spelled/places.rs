//! Where the headers that files name might be.

use std::collections::HashMap;

use super::Spelled;
use crate::block::Block;
use crate::evaluate::Reached;
use crate::library::Library;
use crate::search::{Chain, DirectoryId, FileId, Probe, Tree};

/// The places of all files that were asked after, each with a number. It only grows, as the library does
/// whose names it has: both begin anew together.
#[derive(Debug, Default)]
pub struct Spellings {
    chain: Chain,
    places: Vec<Probe>,
    numbers: HashMap<Probe, u32>,
    /// By file: its block's number, and the numbers of its places.
    files: HashMap<FileId, (u32, Box<[u32]>)>,
    /// By place: the last question that it was in the answer of.
    marks: Vec<u32>,
    asked: u32,
}

impl Spellings {
    /// All places at which a name that stands in a file might be looked for, whether the branch with it
    /// was read or not: the numbers of places, each once.
    pub fn of(
        &mut self,
        reached: &Reached,
        chain: &Chain,
        tree: &mut dyn Tree,
        library: &Library,
    ) -> Vec<u32> {
        if self.chain != *chain || self.asked == u32::MAX {
            *self = Self {
                chain: chain.clone(),
                ..Self::default()
            };
        }
        self.asked += 1;
        let mut all = Vec::new();
        for (file, block) in &reached.blocks {
            if self
                .files
                .get(file)
                .is_none_or(|(number, _)| *number != block.number)
            {
                let directory = tree.parent(*file);
                let places = self.numbers(block, directory, library);
                self.files.insert(*file, (block.number, places));
            }
            let places = self.files.get(file).map_or(&[][..], |(_, places)| places);
            for place in places {
                let mark = &mut self.marks[*place as usize];
                if *mark != self.asked {
                    *mark = self.asked;
                    all.push(*place);
                }
            }
        }
        all
    }

    /// The place that has a number.
    pub fn place(&self, number: u32) -> Option<Probe> {
        self.places.get(number as usize).copied()
    }

    /// How many places are remembered.
    pub fn size(&self) -> usize {
        self.places.len()
    }

    fn numbers(&mut self, block: &Block, directory: DirectoryId, library: &Library) -> Box<[u32]> {
        let mut numbers = Vec::new();
        for spelled in &block.spelled {
            let places = self.chain.places(*spelled, directory, library);
            for probe in places.collect::<Vec<_>>() {
                let number = *self.numbers.entry(probe).or_insert_with(|| {
                    self.places.push(probe);
                    self.marks.push(0);
                    // So many places do not fit into any memory.
                    u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
                });
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into()
    }
}

impl Reached {
    /// All places at which a name that stands in a file might be looked for, each once. Whoever asks for
    /// many sources keeps [`Spellings`].
    pub fn spelled(&self, chain: &Chain, tree: &mut dyn Tree, library: &Library) -> Vec<Probe> {
        let mut spellings = Spellings::default();
        let numbers = spellings.of(self, chain, tree, library);
        let places = numbers.into_iter();
        places
            .filter_map(|number| spellings.place(number))
            .collect()
    }
}

impl Chain {
    /// Every place at which a name might be looked for by a file of a directory, wherever that file was
    /// found itself.
    pub fn places(
        &self,
        spelled: Spelled,
        directory: DirectoryId,
        library: &Library,
    ) -> impl Iterator<Item = Probe> {
        let Spelled { name, .. } = spelled;
        let is_absolute = library.spelling(name).starts_with(b"/");
        let goes_beside = !spelled.is_angled && !self.ignores_source_directory || is_absolute;
        let first = match (is_absolute, spelled.is_angled && !spelled.is_next) {
            (true, _) => self.directories.len(),
            (false, true) => self.angled,
            (false, false) => 0,
        };
        let beside = goes_beside.then_some(directory);
        let chain = self.directories.get(first..).unwrap_or_default();
        let directories = beside.into_iter().chain(chain.iter().copied());
        directories.map(move |directory| Probe { directory, name })
    }
}
