//! Judging an attack: with all walls, with none of those that should hold it, and with each alone.

use sandbox::{Findings, Limits, Protection, Rung, Wall};

use crate::stage::{Report, Setting, Stage};

/// One attack, and the walls that hold it.
pub(crate) struct Attack<'a> {
    pub(crate) words: &'a [&'a str],
    pub(crate) walls: &'a [Wall],
    pub(crate) limits: Limits,
    pub(crate) rung: Rung,
}

impl<'a> Attack<'a> {
    pub(crate) fn new(words: &'a [&'a str], walls: &'a [Wall]) -> Self {
        Self {
            words,
            walls,
            limits: Limits::default(),
            rung: Rung::Namespaces,
        }
    }

    fn run(&self, stage: &Stage, protection: Protection) -> Report {
        let setting = Setting {
            protection,
            rung: self.rung,
            limits: self.limits,
        };
        stage.attack(setting, self.words)
    }

    /// The whole proof.
    pub(crate) fn is_held(&self, stage: &Stage) {
        let report = self.run(stage, Protection::full());
        assert!(is_shut(&report), "{:?}: {report:?}", self.words);
        let report = self.run(stage, without(self.walls));
        assert!(
            is_open(&report),
            "{:?} fails even without {:?}: {report:?}",
            self.words,
            self.walls
        );
        if self.walls.len() == 1 {
            return;
        }
        for wall in self.walls.iter().filter(|wall| exists(**wall, stage)) {
            let others: Vec<Wall> = self
                .walls
                .iter()
                .copied()
                .filter(|other| other != wall)
                .collect();
            let report = self.run(stage, without(&others));
            assert!(
                is_shut(&report),
                "{:?} gets through {wall:?} alone: {report:?}",
                self.words
            );
        }
    }
}

pub(crate) fn without(walls: &[Wall]) -> Protection {
    walls
        .iter()
        .fold(Protection::full(), |rest, wall| rest.without(*wall))
}

/// All attempts failed. A job that was killed before it could say so is fine as well.
pub(crate) fn is_shut(report: &Report) -> bool {
    !report.stdout.contains("OPEN")
        && (report.stdout.contains("shut ") || report.ended != sandbox::Ended::Exited(0))
}

/// All attempts succeeded.
pub(crate) fn is_open(report: &Report) -> bool {
    report.stdout.contains("OPEN ") && !report.stdout.contains("shut")
}

/// Whether this kernel can build that wall.
fn exists(wall: Wall, stage: &Stage) -> bool {
    let findings: Findings = stage.findings();
    let missing = match wall {
        // Signals and abstract sockets are held from version 6 on.
        Wall::Landlock => findings.landlock < 6,
        Wall::Seccomp => !findings.seccomp,
        _ => false,
    };
    if missing {
        println!("SKIPPED: this kernel's {wall:?} cannot hold it alone");
    }
    !missing
}
