//! Runs the cases and says of each what `cargo test` would say. The two suites run side by side, the
//! original's themes too, in clusters of their own: it spends most of its time asleep.

use std::fmt::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use lab::Suite;

use crate::bed::Bed;
use crate::case::{Case, Theme};
use crate::need::Need;

/// How much of a failure's text is shown.
const LINES: usize = 60;
const COLUMNS: usize = 300;

#[derive(Default)]
struct Count {
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
    gaps: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped += other.skipped;
        self.gaps += other.gaps;
    }
}

/// Runs those cases whose name (`suite::theme::id`) contains one of the words given on the command
/// line; all when there is none. `cargo test`'s own options are accepted and mean nothing here.
pub fn run(themes: &[Theme]) -> ExitCode {
    let mut words = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => {
                list(themes);
                return ExitCode::SUCCESS;
            }
            "--skip" | "--color" | "--format" => drop(arguments.next()),
            option if option.starts_with('-') => {}
            _ => words.push(argument),
        }
    }
    let mut lanes = vec![(Suite::Floe, themes)];
    lanes.extend(themes.chunks(1).map(|theme| (Suite::Debian, theme)));
    let words = &words;
    let run_lane = |(suite, themes): (Suite, &[Theme])| {
        let mut count = Count::default();
        for theme in themes {
            run_theme(suite, theme, words, &mut count);
        }
        count
    };
    let mut count = Count::default();
    thread::scope(|scope| {
        let runs: Vec<_> = lanes
            .into_iter()
            .map(|lane| (lane.0, scope.spawn(move || run_lane(lane))))
            .collect();
        for (suite, run) in runs {
            match run.join() {
                Ok(part) => count.add(part),
                Err(_) => count
                    .failed
                    .push(format!("{}: a run broke off", suite.name())),
            }
        }
    });
    let failed = count.failed.len();
    if failed > 0 {
        println!("\nfailures:\n    {}", count.failed.join("\n    "));
    }
    println!(
        "\ntest result: {}. {} passed; {failed} failed; {} ignored; {} known gaps among the passed",
        if failed == 0 { "ok" } else { "FAILED" },
        count.passed,
        count.skipped,
        count.gaps
    );
    ExitCode::from(u8::from(failed > 0))
}

fn list(themes: &[Theme]) {
    for suite in Suite::BOTH {
        for theme in themes {
            for case in &theme.cases {
                println!("{}: {}", name(suite, theme, case), case.title);
            }
        }
    }
}

fn name(suite: Suite, theme: &Theme, case: &Case) -> String {
    format!("{}::{}::{}", suite.name(), theme.name, case.id)
}

fn run_theme(suite: Suite, theme: &Theme, words: &[String], count: &mut Count) {
    let wanted = |case: &&Case| {
        let name = format!("{} {}", name(suite, theme, case), case.title);
        words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
    };
    let mut bed: Option<Result<Bed, String>> = None;
    for case in theme.cases.iter().filter(wanted) {
        let name = name(suite, theme, case);
        let needs = [Need::Namespaces, Need::Suite(suite)];
        let missing = needs
            .iter()
            .chain(&case.needs)
            .find_map(|need| need.missing());
        if let Some(why) = missing {
            let why = why.replace('\n', " ");
            println!("test {name} ({}) ... ignored, {why}", case.title);
            count.skipped += 1;
            continue;
        }
        let began = Instant::now();
        let bed =
            bed.get_or_insert_with(|| Bed::start(suite, theme.bed).map_err(|e| format!("{e:#}")));
        let result = match bed {
            Ok(bed) => {
                bed.forget();
                (case.check)(bed)
                    .map_err(|e| format!("{e:#}\nthe client's last words:\n{}", bed.hints()))
            }
            Err(why) => Err(format!("no cluster: {why}")),
        };
        let took = began.elapsed().as_secs_f64();
        judge(case, suite, result, count, &name, took);
    }
}

fn judge(
    case: &Case,
    suite: Suite,
    result: Result<(), String>,
    count: &mut Count,
    name: &str,
    took: f64,
) {
    let verdict = match (case.gap_of(suite), result) {
        (None, result) => result.map(|()| String::new()),
        (Some(gap), Err(text)) if text.contains(gap.shows) => {
            count.gaps += 1;
            Ok(format!(", known gap: {}", gap.why))
        }
        (Some(gap), Err(text)) => Err(format!(
            "expected to fail with {:?} ({}), but: {text}",
            gap.shows, gap.why
        )),
        (Some(gap), Ok(())) => Err(format!(
            "the gap is closed, take it off the list: {}",
            gap.why
        )),
    };
    match verdict {
        Ok(remark) => {
            count.passed += 1;
            println!("test {name} ({}) ... ok, {took:.1} s{remark}", case.title);
        }
        Err(text) => {
            count.failed.push(name.to_owned());
            let mut said = format!("test {name} ({}) ... FAILED, {took:.1} s", case.title);
            for line in text.lines().take(LINES) {
                let line: String = line.chars().take(COLUMNS).collect();
                let _ = write!(said, "\n    {line}");
            }
            // At once: the other suite's lines must not come in between.
            println!("{said}");
        }
    }
}
