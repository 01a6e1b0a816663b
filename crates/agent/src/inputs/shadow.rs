//! The comparison of what a preprocessor read with what [`super::scanner`] says that it reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use invocation::Inputs;
use tracing::{info, warn};

use super::compiler::Asked;
use super::scanner::Scanner;
use super::trust::Trust;

/// Comparisons that may wait; more are left out.
const QUEUE: usize = 256;

/// A text that was made, and what it was made from.
#[derive(Debug)]
struct Subject {
    asked: Asked,
    inputs: Inputs,
    source: PathBuf,
    entered: Vec<PathBuf>,
}

/// A text that is being made.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) shadow: Arc<Shadow>,
    pub(crate) asked: Asked,
    pub(crate) inputs: Inputs,
    pub(crate) source: PathBuf,
}

impl Watched {
    /// The text is made, and these are the files in its line markers.
    pub(crate) fn tell(&self, entered: Vec<PathBuf>) {
        self.shadow.compare(Subject {
            asked: self.asked.clone(),
            inputs: self.inputs.clone(),
            source: self.source.clone(),
            entered,
        });
    }
}

/// The way to the thread that compares.
#[derive(Debug)]
pub(crate) struct Shadow {
    scanner: Arc<Mutex<Scanner>>,
    trust: Arc<Trust>,
    subjects: OnceLock<Option<SyncSender<Subject>>>,
}

/// How many compared how.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    alike: u32,
    different: u32,
    unknown: u32,
}

impl Shadow {
    pub(crate) fn new(scanner: &Arc<Mutex<Scanner>>, trust: &Arc<Trust>) -> Self {
        Self {
            scanner: Arc::clone(scanner),
            trust: Arc::clone(trust),
            subjects: OnceLock::new(),
        }
    }

    /// Has a text compared by and by; nobody waits for it.
    fn compare(&self, subject: Subject) {
        let subjects = self.subjects.get_or_init(|| {
            let (send, receive) = sync_channel(QUEUE);
            let thread = thread::Builder::new().name("inputs".to_owned());
            let (scanner, trust) = (Arc::clone(&self.scanner), Arc::clone(&self.trust));
            let started = thread.spawn(move || run(&receive, &scanner, &trust));
            started.is_ok().then_some(send)
        });
        if let Some(subjects) = subjects {
            let _ = subjects.try_send(subject);
        }
    }
}

fn run(subjects: &Receiver<Subject>, scanner: &Mutex<Scanner>, trust: &Trust) {
    let mut tally = Tally::default();
    while let Ok(subject) = subjects.recv() {
        let source = subject.source.display();
        let mut scanner = scanner.lock().unwrap_or_else(PoisonError::into_inner);
        match scanner.entered(&subject.asked, &subject.inputs, &subject.source) {
            Ok(found) => {
                let (found, read) = (plain(&found), plain(&subject.entered));
                let missed: Vec<_> = read.difference(&found).collect();
                let more: Vec<_> = found.difference(&read).collect();
                if missed.is_empty() && more.is_empty() {
                    tally.alike += 1;
                    trust.learn(&subject.asked, true);
                    info!(
                        "inputs of {source}: alike, {} files; {tally:?}",
                        found.len()
                    );
                } else {
                    tally.different += 1;
                    trust.learn(&subject.asked, false);
                    warn!(
                        "inputs of {source}: different, missed {missed:?}, too many {more:?}; {tally:?}"
                    );
                }
            }
            Err(why) => {
                tally.unknown += 1;
                info!("inputs of {source}: unknown, {why}; {tally:?}");
            }
        }
    }
}

/// Without `./`, which compilers add or leave out.
fn plain(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let plain = |path: &PathBuf| path.components().filter(is_no_dot).collect::<PathBuf>();
    paths.iter().map(plain).collect()
}

fn is_no_dot(part: &std::path::Component<'_>) -> bool {
    part.as_os_str() != Path::new(".").as_os_str()
}
