//! The table: one line for each compiler.

use crate::compilers::Case;
use crate::trial::{Language, Outcome, Proof};

pub(crate) fn text(rows: &[(Case, Outcome)]) -> String {
    let mut text = format!(
        "{:<36} {:<6} {:>7} {:>8} {:>8}  {:<10} {:<8} {:<8} {}\n",
        "compiler", "packed", "MB", "packing", "first", "tried", "C", "C++", "identical"
    );
    for (case, outcome) in rows {
        let line = match outcome {
            Outcome::Skipped(why) => format!("{:<36} SKIPPED {why}", case.name),
            Outcome::Tried(tried) => {
                let seconds = |time: Option<std::time::Duration>| {
                    time.map_or("-".to_owned(), |time| {
                        format!("{:.2} s", time.as_secs_f64())
                    })
                };
                let word = |language: &Option<Language>| match language {
                    None => "-",
                    Some(Language { remote: true, .. }) => "remote",
                    Some(_) => "here",
                };
                let languages = [&tried.c, &tried.cxx];
                let known: Vec<_> = languages.iter().filter_map(|one| one.as_ref()).collect();
                let identical = if known.iter().all(|one| one.is_identical) {
                    "yes"
                } else {
                    "NO"
                };
                let why = known
                    .iter()
                    .find(|one| !one.why.is_empty())
                    .map_or("", |one| &one.why);
                format!(
                    "{:<36} {:<6} {:>7} {:>8} {:>8}  {:<10} {:<8} {:<8} {identical}  {why}",
                    case.name,
                    if tried.bytes.is_some() { "yes" } else { "no" },
                    tried
                        .bytes
                        .map_or("-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6)),
                    seconds(tried.packing),
                    seconds(Some(tried.first)),
                    match tried.proof {
                        None => "-",
                        Some(Proof::Whole) => "whole",
                        Some(Proof::Impossible) => "no sandbox",
                        Some(Proof::Faulty) => "FAULTY",
                    },
                    word(&tried.c),
                    word(&tried.cxx),
                )
            }
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
