//! The table at the end: which file was compiled where, how long each phase took, and whether the
//! object equals a local compile.

use std::fmt::Write;
use std::time::Duration;

use job::{Compiled, JobRecord, Phase};

use super::compare::Verdict;
use super::stage::Stage;

/// Phases worth a column, in the order of a job's life.
const COLUMNS: &[Phase] = &[
    Phase::Toolchain,
    Phase::Queue,
    Phase::Install,
    Phase::Prepare,
    Phase::Wait,
    Phase::Write,
];

pub(super) fn table(records: &[JobRecord], verdicts: &[Verdict], stage: &Stage) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _infallible = fill(&mut text, records, verdicts, stage);
    text
}

fn fill(
    text: &mut String,
    records: &[JobRecord],
    verdicts: &[Verdict],
    stage: &Stage,
) -> std::fmt::Result {
    write!(text, "\n{:<24} {:<28}", "file", "compiled on")?;
    for phase in COLUMNS {
        write!(text, " {:>9}", phase.name())?;
    }
    writeln!(text, " {:>9}  object", "total ms")?;
    for (record, verdict) in records.iter().zip(verdicts) {
        let name = if record.source.is_empty() {
            &record.output
        } else {
            &record.source
        };
        write!(
            text,
            "{:<24} {:<28}",
            String::from_utf8_lossy(name),
            place(record, stage)
        )?;
        for phase in COLUMNS {
            let spent: u64 = record
                .phases
                .iter()
                .filter(|time| time.phase() == *phase)
                .map(|time| time.duration_us)
                .sum();
            write!(text, " {:>9.1}", millis(spent))?;
        }
        writeln!(
            text,
            " {:>9.1}  {}",
            millis(record.total_us),
            object(verdict)
        )?;
    }
    let remote = records
        .iter()
        .filter(|record| record.compiled() == Compiled::Remote)
        .count();
    let same = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Same)
        .count();
    let here = records.len() - remote;
    writeln!(
        text,
        "\n{remote} compiled on the executors, {here} here; {same} of {remote} objects equal to a local compile"
    )?;
    let but_debug = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::SameButDebug)
        .count();
    if but_debug > 0 {
        writeln!(
            text,
            "{but_debug} more differ in debug information only: preprocessed text cannot keep all of it"
        )?;
    }
    Ok(())
}

fn place(record: &JobRecord, stage: &Stage) -> String {
    match record.compiled() {
        Compiled::Remote => match stage.name_of(&record.executor) {
            Some(name) => format!("{name} ({})", record.executor),
            None => record.executor.clone(),
        },
        Compiled::Here => format!("here: {}", record.reason().code()),
        Compiled::Nowhere => "nowhere".to_owned(),
    }
}

fn object(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Local => "-".to_owned(),
        Verdict::Same => "same".to_owned(),
        Verdict::SameButDebug => "same but for debug information".to_owned(),
        Verdict::Differs(remote) => format!("DIFFERS, kept as {}", remote.display()),
        Verdict::Unknown(why) => format!("not compared: {why}"),
    }
}

fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1e3
}
