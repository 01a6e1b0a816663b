//! What comparisons add up to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use agent::NotSurveyed;

use super::compare::Compared;
use crate::replay::Noted;

/// So many of each kind are shown.
const SHOWN: usize = 10;

/// One project.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sources: usize,
    listed: usize,
    needed: (usize, u64),
    sent: (usize, u64),
    missing: usize,
    differing: usize,
    /// Jobs that differ, and how.
    pub(super) faults: Vec<String>,
    /// Why there was no list, and for whom.
    others: BTreeMap<String, Vec<String>>,
    /// What does not compile here.
    failed: Vec<String>,
}

impl Tally {
    pub(super) fn listed(&mut self, noted: &Noted, compared: Compared) {
        self.sources += 1;
        self.listed += 1;
        for (all, one) in [
            (&mut self.needed, compared.needed),
            (&mut self.sent, compared.sent),
        ] {
            *all = (all.0 + one.0, all.1 + one.1);
        }
        let Compared {
            missing, differing, ..
        } = compared;
        if !missing.is_empty() || !differing.is_empty() {
            self.missing += missing.len();
            self.differing += differing.len();
            let source = source(noted);
            let some = |paths: &[PathBuf]| {
                let some: Vec<String> = paths
                    .iter()
                    .take(SHOWN)
                    .map(|path| path.display().to_string())
                    .collect();
                some.join(" ")
            };
            let (missing, differing) = (some(&missing), some(&differing));
            self.faults.push(format!(
                "{source}: missing: {missing}; differing: {differing}"
            ));
        }
    }

    pub(super) fn not_listed(&mut self, noted: &Noted, why: &NotSurveyed) {
        self.sources += 1;
        // One line for all files that say the same.
        let why = why.to_string();
        let words = why.split(' ').map(|word| match word.contains(['/', '.']) {
            true => "FILE",
            false => word,
        });
        let why = words.collect::<Vec<_>>().join(" ");
        let sources = self.others.entry(why).or_default();
        sources.push(source(noted));
    }

    pub(super) fn failed(&mut self, noted: &Noted) {
        self.failed.push(source(noted));
    }

    fn add(&mut self, other: &Self) {
        for (all, one) in [
            (&mut self.sources, other.sources),
            (&mut self.listed, other.listed),
            (&mut self.missing, other.missing),
            (&mut self.differing, other.differing),
        ] {
            *all += one;
        }
        for (all, one) in [
            (&mut self.needed, other.needed),
            (&mut self.sent, other.sent),
        ] {
            *all = (all.0 + one.0, all.1 + one.1);
        }
    }

    fn print(&self, name: &str) {
        let Self {
            sources,
            listed,
            needed,
            sent,
            missing,
            differing,
            ..
        } = self;
        let share = *listed as f64 / (*sources).max(1) as f64 * 100.0;
        let files = sent.0 as f64 / needed.0.max(1) as f64;
        let bytes = sent.1 as f64 / needed.1.max(1) as f64;
        let (needed, sent) = (needed.0, sent.0);
        println!(
            "| {name} | {sources} | {listed} | {share:.1} % | {needed} | {sent} | {files:.4} | {bytes:.4} | {missing} | {differing} |"
        );
    }
}

fn source(noted: &Noted) -> String {
    let found = noted.words.iter().find(|word| Noted::is_source(word));
    let directory = noted.directory.display();
    format!("{directory}: {}", found.map_or("", |word| word))
}

pub(super) fn print(rows: &[(&str, Tally)]) {
    println!(
        "| project | sources | listed | share (≥ 98 %) | files needed | files sent | sent/needed (≤ 1.1) | by bytes (≤ 1.1) | missing (0) | existence differs (0) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut all = Tally::default();
    for (name, tally) in rows {
        tally.print(name);
        all.add(tally);
    }
    all.print("all");
    for (name, tally) in rows {
        for fault in tally.faults.iter().take(SHOWN) {
            println!("\n{name}: FAULT: {fault}");
        }
        for (why, sources) in &tally.others {
            let first = sources.first().map_or("", |first| first);
            println!("\n{name}: {} not listed: {why} ({first}, …)", sources.len());
        }
        if let Some(first) = tally.failed.first() {
            let failed = tally.failed.len();
            println!("\n{name}: {failed} left out that do not compile here ({first}, …)");
        }
    }
}
