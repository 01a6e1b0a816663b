//! What compiles needed before, and so what the next ones will need.
//!
//! Kept in memory only. A daemon that starts anew guesses wrong once per file at worst, and a wrong
//! guess costs a repeated compile; a file would have to be guarded against crashes and old formats
//! to save that.

use std::collections::HashMap;

/// Compiles and kinds of compiles that are remembered.
const MOST: usize = 8192;

/// Refusals after which what is remembered fades a little.
const REFUSALS: u32 = 4;

/// By what a compile is recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Likeness {
    /// The same source with the same compiler and options.
    pub job: u64,
    /// Another source, the rest the same.
    pub kind: u64,
    /// Bytes, when nothing like it has been here.
    pub guess: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    bytes: u64,
    /// In a row, since it was recorded or has faded.
    refusals: u32,
    /// In the count of all records.
    last: u64,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct History {
    entries: HashMap<u64, Entry>,
    count: u64,
}

impl History {
    /// What this very compile needed; none if it is new here.
    pub fn needed(&self, like: &Likeness) -> Option<u64> {
        Some(self.entries.get(&like.job)?.bytes)
    }

    /// What it will need, with a margin.
    pub fn known(&self, like: &Likeness) -> Option<u64> {
        let needed = self.needed(like)?;
        Some(needed.saturating_add(needed / 8))
    }

    /// What a new one will need: as much as its kind, and half of that again, because files differ.
    pub fn likely(&self, like: &Likeness) -> u64 {
        self.entries.get(&like.kind).map_or(like.guess, |entry| {
            entry.bytes.saturating_add(entry.bytes / 2)
        })
    }

    /// A compile has needed `peak`.
    pub fn record(&mut self, like: &Likeness, peak: u64) {
        // More counts at once, less little by little: a wrong guess below is the dearer one.
        self.set(like.job, |old| match old {
            Some(old) if old > peak => old - (old - peak) / 4,
            _ => peak,
        });
        self.set(like.kind, |old| match old {
            Some(old) if old > peak => old - (old - peak) / 8,
            Some(old) => old + (peak - old) / 8,
            None => peak,
        });
    }

    /// The compile was refused for what is remembered. That fades, so that a file that needs less by
    /// now is tried again some day.
    pub fn doubt(&mut self, like: &Likeness) {
        if let Some(entry) = self.entries.get_mut(&like.job) {
            entry.refusals += 1;
            if entry.refusals == REFUSALS {
                entry.refusals = 0;
                entry.bytes -= entry.bytes / 32;
            }
        }
    }

    fn set(&mut self, key: u64, next: impl FnOnce(Option<u64>) -> u64) {
        self.count += 1;
        let bytes = next(self.entries.get(&key).map(|entry| entry.bytes));
        let last = self.count;
        let entry = Entry {
            bytes,
            refusals: 0,
            last,
        };
        self.entries.insert(key, entry);
        if self.entries.len() > MOST {
            // The older half, all at once: a walk each time would cost more.
            let border = last.saturating_sub(MOST as u64 / 2);
            self.entries.retain(|_, entry| entry.last > border);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
