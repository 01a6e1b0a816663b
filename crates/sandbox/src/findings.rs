//! What this host offers for foreign jobs, for the log and for `floe doctor`.

use rustix::io::Errno;

use crate::advice::advice;
use crate::{Rung, StartError, Step, landlock, seccomp};

/// Which rungs were tried, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trials {
    pub(crate) chosen: Option<Rung>,
    pub(crate) failed: Vec<(Rung, StartError)>,
}

/// The state of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// How foreign jobs run here; `None`: not at all.
    pub rung: Option<Rung>,
    /// Better rungs, and why they are out of reach.
    pub failed: Vec<(Rung, StartError)>,
    /// The kernel's version of Landlock; 0: none.
    pub landlock: u32,
    /// System calls can be filtered.
    pub seccomp: bool,
    /// What the owner can do about it, one thing each, most promising first. Empty on the best
    /// rung.
    pub advice: Vec<String>,
}

impl Findings {
    pub(crate) fn new(trials: Trials) -> Self {
        let Trials { chosen, failed } = trials;
        let advice = if chosen.is_some_and(Rung::takes_any_toolchain) {
            Vec::new()
        } else {
            advice(&failed)
        };
        Self {
            rung: chosen,
            failed,
            landlock: landlock::abi(),
            seccomp: seccomp::is_available(),
            advice,
        }
    }

    /// One finding a line, for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![match self.rung {
            Some(rung) => format!("foreign jobs run in: {rung}"),
            None => "foreign jobs are refused: no kind of sandbox works here".to_owned(),
        }];
        if self.rung == Some(Rung::Installed) {
            lines.push(
                "only jobs whose compiler is installed here at the same paths are taken".to_owned(),
            );
        }
        lines.extend(
            self.failed
                .iter()
                .map(|(rung, failure)| format!("not possible: {rung}: {failure}")),
        );
        if self.landlock == 0 {
            lines.push("the kernel has no Landlock: one wall less".to_owned());
        }
        if !self.seccomp {
            lines.push("the kernel cannot filter system calls: one wall less".to_owned());
        }
        lines.extend(self.advice.iter().map(|advice| format!("hint: {advice}")));
        lines
    }
}

const NOTHING: u8 = 0;

/// Room for a trial of each rung, and more.
pub(crate) const TRIALS_LEN: usize = 256;

pub(crate) fn encode_trials(trials: &Trials) -> Vec<u8> {
    let mut out = vec![trials.chosen.map_or(NOTHING, |rung| rung as u8)];
    for (rung, failure) in &trials.failed {
        out.extend([*rung as u8, failure.step as u8]);
        out.extend(failure.errno.raw_os_error().to_le_bytes());
    }
    out
}

pub(crate) fn decode_trials(packet: &[u8]) -> Option<Trials> {
    let (chosen, rest) = packet.split_first()?;
    let failed = rest
        .chunks(6)
        .map(|trial| match *trial {
            [rung, step, a, b, c, d] => Some((
                Rung::from_number(rung)?,
                StartError {
                    step: Step::from_number(step)?,
                    errno: Errno::from_raw_os_error(i32::from_le_bytes([a, b, c, d])),
                },
            )),
            _ => None,
        })
        .collect::<Option<_>>()?;
    Some(Trials {
        chosen: Rung::from_number(*chosen),
        failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_survive_the_way() {
        let failure = StartError {
            step: Step::UserNamespace,
            errno: Errno::PERM,
        };
        for trials in [
            Trials::default(),
            Trials {
                chosen: Some(Rung::Installed),
                failed: vec![(Rung::Namespaces, failure), (Rung::Chroot, failure)],
            },
        ] {
            let packet = encode_trials(&trials);
            assert!(packet.len() <= TRIALS_LEN);
            assert_eq!(decode_trials(&packet), Some(trials));
        }
        assert_eq!(decode_trials(&[1, 2, 3]), None);
        assert_eq!(decode_trials(&[]), None);
    }
}
