//! The authority's log: one line for each act and each refusal, for people and `grep`.
//!
//! A line of an act is a part of the change of state that it tells of, under a number of its own, and
//! is copied into the log afterwards; a process killed in between leaves that to the next one, which
//! sees by the numbers what is missing. Refusals change nothing and have no number. A flood of them
//! must not push the acts out of a bounded log: ten a minute are written, the others counted. What members
//! can do again and again by themselves, renewals and refusals, is in logs of its own for the same reason.

use rustls::pki_types::UnixTime;

use crate::disk::{Directory, DiskError, Lock};
use crate::time;

/// Who was invited, joined, was revoked.
const ACTS: &str = "audit.log";
/// A thousand members renew two thousand times a day.
const RENEWALS: &str = "renewals.log";
const REFUSALS: &str = "refusals.log";
/// Eight files of this size, about 300,000 lines.
const LIMITS: (u64, u32) = (4 << 20, 7);
/// What the text of a line begins with that is no act of a person.
const BY_ITSELF: [&str; 2] = ["renewed", "joined-again"];
/// What is ever read of one of them: a file may pass its size by the lines of one change.
const CAP: u64 = 8 << 20;
const REFUSALS_A_MINUTE: u32 = 10;

/// One line about an act. Everything in `text` passed a constructor that allows no line break.
pub(crate) fn line(number: u64, now: UnixTime, text: &str) -> String {
    format!("{number} {} {text}", time::stamp(now.as_secs()))
}

/// Appends the lines of an act, when those of the one before are known to be there.
pub(crate) fn write(directory: &Directory, lock: &Lock, lines: &[String]) -> Result<(), DiskError> {
    for name in [ACTS, RENEWALS] {
        let of_it = lines.iter().filter(|line| log_of(line) == name);
        let text: String = of_it.flat_map(|line| [line.as_str(), "\n"]).collect();
        if !text.is_empty() {
            directory.append(lock, name, &text, LIMITS)?;
        }
    }
    Ok(())
}

/// Where the line of an act belongs.
fn log_of(line: &str) -> &'static str {
    // Its number and its time are before it.
    let what = line.split(' ').nth(2).unwrap_or_default();
    match BY_ITSELF.contains(&what) {
        true => RENEWALS,
        false => ACTS,
    }
}

/// Appends those lines of an act that the log has not yet.
pub(crate) fn catch_up(
    directory: &Directory,
    lock: &Lock,
    untold: &[String],
) -> Result<(), DiskError> {
    let written = [
        last_number(directory, ACTS)?,
        last_number(directory, RENEWALS)?,
    ];
    let is_missing = |line: &&String| {
        let [acts, renewals] = written;
        let written = if log_of(line) == ACTS { acts } else { renewals };
        number(line).is_some_and(|number| number > written)
    };
    let missing: Vec<String> = untold.iter().filter(is_missing).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    write(directory, lock, &missing)
}

fn last_number(directory: &Directory, name: &str) -> Result<u64, DiskError> {
    for name in [name, &format!("{name}.1")] {
        let log = directory.read(name, CAP)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        // Only what ends with a line break was written whole.
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        if let Some(last) = whole.filter_map(number).max() {
            return Ok(last);
        }
    }
    Ok(0)
}

fn number(line: &str) -> Option<u64> {
    line.split(' ').next()?.parse().ok()
}

/// Writes refusals, not too many.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    minute: u64,
    written: u32,
    unwritten: u64,
}

impl Refusals {
    /// The text to write for a refusal now, if any.
    fn admit(&mut self, now: UnixTime, text: &str) -> Option<String> {
        let minute = now.as_secs() / 60;
        let stamp = time::stamp(now.as_secs());
        let mut lines = String::new();
        if minute != self.minute {
            if self.unwritten > 0 {
                let unwritten = self.unwritten;
                lines = format!("- {stamp} refusals-not-listed count={unwritten}\n");
            }
            (self.minute, self.written, self.unwritten) = (minute, 0, 0);
        }
        if self.written < REFUSALS_A_MINUTE {
            self.written += 1;
            lines.push_str(&format!("- {stamp} {text}\n"));
        } else {
            self.unwritten += 1;
        }
        (!lines.is_empty()).then_some(lines)
    }

    pub(crate) fn note(
        &mut self,
        directory: &Directory,
        now: UnixTime,
        text: &str,
    ) -> Result<(), DiskError> {
        let Some(lines) = self.admit(now, text) else {
            return Ok(());
        };
        let lock = directory.lock()?;
        directory.append(&lock, REFUSALS, &lines, LIMITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_listed() {
        let mut refusals = Refusals::default();
        let mut text = String::new();
        for _ in 0..1000 {
            text.extend(refusals.admit(time::at(60), "refused"));
        }
        assert_eq!(text.lines().count(), 10);
        let next = refusals.admit(time::at(125), "refused").unwrap();
        assert!(next.contains("refusals-not-listed count=990"), "{next}");
        assert_eq!(next.lines().count(), 2);
    }
}
