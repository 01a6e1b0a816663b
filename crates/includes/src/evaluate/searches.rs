//! Searches along the chain, each made once for a source however often it is asked for.

use std::collections::HashMap;

use crate::library::Library;
use crate::names::Name;
use crate::search::{Chain, DirectoryId, Found, Origin, Probe, Request, Tree};

/// What decides where is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    name: Name,
    beside: Option<DirectoryId>,
    /// Where in the chain it begins; behind its end for an absolute name.
    start: usize,
}

/// A place to look at.
#[derive(Clone, Copy, Debug)]
struct Look {
    probe: Probe,
    found: Found,
    /// The answers that `found` belongs to.
    asked: u32,
    told: u32,
}

#[derive(Debug)]
struct Search {
    key: Key,
    looks: Box<[u32]>,
    answer: Answer,
    asked: u32,
    told: u32,
    mark: u32,
}

/// How a search ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// At so many places it has looked.
    pub(super) looked: u32,
    pub(super) found: Found,
}

const NOTHING: Answer = Answer {
    looked: 0,
    found: Found::Nothing,
};

#[derive(Debug, Default)]
pub(super) struct Searches {
    numbers: HashMap<Key, u32>,
    all: Vec<Search>,
    places: HashMap<Probe, u32>,
    looks: Vec<Look>,
    /// What the tree has said under another number may be no longer so.
    answers: u32,
    round: u32,
    mark: u32,
    log: Vec<u32>,
    pub(super) is_recorded: bool,
}

impl Searches {
    /// Begins a round; `are_valid` says that the tree answers as in the round before.
    pub(super) fn begin(&mut self, are_valid: bool) {
        self.log.clear();
        self.is_recorded = false;
        self.round += 1;
        self.answers += u32::from(!are_valid);
    }

    /// Whether the numbers of rounds and marks are nearly used up.
    pub(super) fn is_worn(&self) -> bool {
        self.round.max(self.mark) >= u32::MAX / 2
    }

    /// Looks for a header from a file.
    pub(super) fn search(
        &mut self,
        chain: &Chain,
        request: Request,
        from: (Option<DirectoryId>, Origin),
        tree: &mut dyn Tree,
        library: &Library,
    ) -> u32 {
        let key = Key::of(chain, request, from, library);
        let number = match self.numbers.get(&key) {
            Some(number) => *number,
            None => self.add(key, chain),
        };
        self.answer(number, tree, library);
        if self.is_recorded {
            self.log.push(number);
        }
        number
    }

    fn add(&mut self, key: Key, chain: &Chain) -> u32 {
        let rest = chain.directories.get(key.start..).unwrap_or_default();
        let mut looks = Vec::new();
        for directory in key.beside.iter().chain(rest) {
            let probe = Probe {
                directory: *directory,
                name: key.name,
            };
            looks.push(*self.places.entry(probe).or_insert_with(|| {
                self.looks.push(Look {
                    probe,
                    found: Found::Nothing,
                    asked: 0,
                    told: 0,
                });
                number(self.looks.len() - 1)
            }));
        }
        self.all.push(Search {
            key,
            looks: looks.into(),
            answer: NOTHING,
            asked: 0,
            told: 0,
            mark: 0,
        });
        let number = number(self.all.len() - 1);
        self.numbers.insert(key, number);
        number
    }

    /// How a search that was made before ends now.
    pub(super) fn answer(&mut self, number: u32, tree: &mut dyn Tree, library: &Library) -> Answer {
        let Some(search) = self.all.get_mut(number as usize) else {
            return NOTHING;
        };
        if search.asked == self.answers {
            return search.answer;
        }
        let mut answer = NOTHING;
        for look in &search.looks {
            let look = &mut self.looks[*look as usize];
            if look.asked != self.answers {
                look.asked = self.answers;
                look.found = tree.find(look.probe.directory, look.probe.name, library);
            }
            answer.looked += 1;
            if look.found != Found::Nothing {
                answer.found = look.found;
                break;
            }
        }
        (search.answer, search.asked) = (answer, self.answers);
        answer
    }

    /// Where a search has found the file that it found.
    pub(super) fn origin(&self, number: u32) -> Origin {
        let Some(search) = self.all.get(number as usize) else {
            return Origin::Named;
        };
        let (key, at) = (search.key, search.answer.looked as usize);
        match key.beside {
            _ if key.start == usize::MAX => Origin::Named,
            Some(_) if at == 1 => Origin::Beside,
            Some(_) => Origin::Chain(key.start + at - 2),
            None => Origin::Chain(key.start + at - 1),
        }
    }

    /// Tells the places that a search has looked at, those that were not told in this round.
    pub(super) fn tell(&mut self, number: u32, mut tell: impl FnMut(Probe)) -> Answer {
        let Some(search) = self.all.get_mut(number as usize) else {
            return NOTHING;
        };
        if search.told != self.round {
            search.told = self.round;
            for look in &search.looks[..search.answer.looked as usize] {
                let look = &mut self.looks[*look as usize];
                if look.told != self.round {
                    look.told = self.round;
                    tell(look.probe);
                }
            }
        }
        search.answer
    }

    pub(super) fn place(&self) -> usize {
        self.log.len()
    }

    /// The searches since a place, each once; they take the place of the stretch in the record.
    pub(super) fn stretch(&mut self, place: usize) -> Box<[(u32, Answer)]> {
        self.mark += 1;
        let mut made = Vec::new();
        for number in self.log.drain(place..) {
            let search = &mut self.all[number as usize];
            if search.mark != self.mark {
                search.mark = self.mark;
                made.push((number, search.answer));
            }
        }
        self.log.extend(made.iter().map(|(number, _)| *number));
        made.into()
    }

    /// Notes searches of a stretch that is repeated.
    pub(super) fn note(&mut self, made: &[(u32, Answer)]) {
        if self.is_recorded {
            self.log.extend(made.iter().map(|(number, _)| *number));
        }
    }
}

impl Key {
    fn of(
        chain: &Chain,
        request: Request,
        from: (Option<DirectoryId>, Origin),
        library: &Library,
    ) -> Self {
        let Request { name, .. } = request;
        let key = |beside, start| Self {
            name,
            beside,
            start,
        };
        if library.names.spelling(name).starts_with(b"/") {
            return key(from.0.or(chain.directories.first().copied()), usize::MAX);
        }
        match (request.is_next, from.1) {
            (true, Origin::Chain(place)) => key(None, place + 1),
            (true, Origin::Beside) => key(None, 0),
            _ if request.is_angled => key(None, chain.angled),
            _ if chain.ignores_source_directory => key(None, 0),
            _ => key(from.0, 0),
        }
    }
}

fn number(at: usize) -> u32 {
    // More searches than that do not fit into any memory.
    u32::try_from(at).unwrap_or(u32::MAX)
}
