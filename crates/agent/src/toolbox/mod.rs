//! What is known of each compiler: its packed toolchain, its target, what `native` means to it.
//!
//! One task owns the answers; each question is answered once by a thread and then from memory, as
//! long as the compiler's own file has not changed. An archive holds more files than that one: the
//! cache behind it looks at each of them for every compile (0.07 ms for gcc's, measured), and a
//! compile that asks while it looks is answered by the next look.

mod native;
mod proof;

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use toolchain::{Compiler, Compression, Family, NativeCache, Proof, Stamp};
use tracing::{info, warn};

pub use self::proof::try_toolchain;
use crate::cluster::Toolchain;

/// How long a failure is taken for granted.
const FAILURE_FRESH: Duration = Duration::from_secs(10);

/// Answers kept; a build uses a handful of compilers.
const MAX_ANSWERS: usize = 1000;

/// What can be asked about a compiler.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Question {
    Archive {
        compiler: PathBuf,
        /// The job's PATH: gcc finds its assembler there.
        search: Option<OsString>,
        /// `-B` and the like.
        options: Vec<OsString>,
        extra_files: Vec<PathBuf>,
        compression: String,
    },
    Probe {
        compiler: PathBuf,
    },
    Native {
        compiler: PathBuf,
        family: invocation::Family,
        options: Vec<OsString>,
    },
}

impl Question {
    /// What the cache is asked.
    fn request(&self) -> Option<toolchain::Request<'_>> {
        let Self::Archive {
            compiler,
            search,
            options,
            extra_files,
            ..
        } = self
        else {
            return None;
        };
        Some(toolchain::Request {
            compiler,
            search: search.as_deref(),
            options,
            extra: extra_files,
        })
    }

    /// The same question for gzip, where the user left the compression to us.
    fn gzipped(&self) -> Option<Gzipped> {
        let mut other = self.clone();
        match &mut other {
            Self::Archive { compression, .. } if compression.is_empty() => {
                compression.push_str("gzip");
            }
            _ => return None,
        }
        Some(Gzipped(other))
    }

    fn compiler(&self) -> &Path {
        match self {
            Self::Archive { compiler, .. }
            | Self::Probe { compiler }
            | Self::Native { compiler, .. } => compiler,
        }
    }
}

#[derive(Clone, Debug)]
enum Known {
    Packed(Arc<Packed>),
    Probe(Arc<Probe>),
    Native(Arc<[OsString]>),
}

/// What a compiler says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) family: Family,
    /// As `-dumpmachine` says.
    pub(crate) target: String,
    /// The compilers behind a script that changes options; empty for any other compiler.
    pub(crate) behind: Vec<PathBuf>,
}

/// A compiler and its archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) toolchain: Toolchain,
    pub(crate) probe: Probe,
    /// Whether the archive holds the compiler for C, and for C++.
    pub(crate) has_c: bool,
    pub(crate) has_cxx: bool,
    pub(crate) proof: Proof,
    /// Somebody should try it, when its first compile is over.
    pub(crate) unproven: Option<Unproven>,
}

/// The archive of a toolchain as every executor can read it. It is made when somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gzipped(Question);

/// A toolchain that nobody has tried. After an upgrade the same question leads to another archive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Unproven {
    question: Question,
    archive: String,
}

type Answer = Result<Known, String>;

#[derive(Debug)]
enum Request {
    Ask {
        question: Question,
        stamp: Option<Stamp>,
        answer: oneshot::Sender<Answer>,
    },
    Found {
        question: Question,
        stamp: Option<Stamp>,
        answer: Answer,
    },
    Prove(Unproven),
}

/// The workers' handle.
#[derive(Clone, Debug)]
pub(crate) struct Toolbox {
    requests: mpsc::UnboundedSender<Request>,
}

impl Toolbox {
    /// Starts the task. `cache_dir` holds the archives; `prover` is floe, to try them with.
    pub(crate) fn open(cache_dir: PathBuf, platform: String, prover: Option<PathBuf>) -> Self {
        let (requests, received) = mpsc::unbounded_channel();
        let mut cache = NativeCache::new(cache_dir);
        if let Some(prover) = prover {
            cache = cache.with_sandbox(Arc::new(move |root: &Path, trials: &[_]| {
                proof::elsewhere(&prover, root, trials)
            }));
        }
        let keeper = Keeper {
            answers: HashMap::new(),
            waiting: HashMap::new(),
            proved: HashSet::new(),
            requests: requests.downgrade(),
            workshop: Arc::new(Workshop { cache, platform }),
        };
        tokio::spawn(keeper.run(received));
        Self { requests }
    }

    /// The packed toolchain of `compiler`. The text of an error is for people.
    pub(crate) async fn archive(
        &self,
        compiler: &Path,
        search: Option<&OsStr>,
        options: &[OsString],
        extra_files: Vec<PathBuf>,
        compression: &str,
    ) -> Result<Arc<Packed>, String> {
        let compression = compression.to_owned();
        let question = Question::Archive {
            compiler: compiler.to_owned(),
            search: search.map(OsStr::to_owned),
            options: options.to_vec(),
            extra_files,
            compression,
        };
        match self.ask(question).await? {
            Known::Packed(packed) => Ok(packed),
            _ => Err(mixed_up()),
        }
    }

    /// What [`Gzipped`] stands for: its name and file.
    pub(crate) async fn gzipped(&self, wanted: &Gzipped) -> Result<(String, PathBuf), String> {
        match self.ask(wanted.0.clone()).await? {
            Known::Packed(packed) => {
                let Toolchain { name, path, .. } = packed.toolchain.clone();
                Ok((name, path))
            }
            _ => Err(mixed_up()),
        }
    }

    pub(crate) async fn probe(&self, compiler: &Path) -> Result<Arc<Probe>, String> {
        match self
            .ask(Question::Probe {
                compiler: compiler.to_owned(),
            })
            .await?
        {
            Known::Probe(probe) => Ok(probe),
            _ => Err(mixed_up()),
        }
    }

    /// Plain options that mean the same as `options`, which say `native`.
    pub(crate) async fn native(
        &self,
        compiler: &Path,
        family: invocation::Family,
        options: Vec<OsString>,
    ) -> Result<Arc<[OsString]>, String> {
        match self
            .ask(Question::Native {
                compiler: compiler.to_owned(),
                family,
                options,
            })
            .await?
        {
            Known::Native(options) => Ok(options),
            _ => Err(mixed_up()),
        }
    }

    /// Has a toolchain tried beside everything else. What it costs is a core for half a second: who
    /// waits for a first object should have it before.
    pub(crate) fn prove(&self, unproven: Unproven) {
        // An agent that leaves has no use for it.
        let _ = self.requests.send(Request::Prove(unproven));
    }

    async fn ask(&self, question: Question) -> Answer {
        let (answer, told) = oneshot::channel();
        let stamp = Stamp::at(question.compiler());
        let sent = self.requests.send(Request::Ask {
            question,
            stamp,
            answer,
        });
        sent.map_err(|_| "the agent is leaving".to_owned())?;
        told.await
            .unwrap_or_else(|_| Err("the agent is leaving".to_owned()))
    }
}

fn mixed_up() -> String {
    "the answer belongs to another question".to_owned()
}

#[derive(Debug)]
struct Kept {
    answer: Answer,
    stamp: Option<Stamp>,
    since: Instant,
}

impl Kept {
    fn holds(&self, stamp: Option<Stamp>, question: &Question, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        self.stamp == stamp
            && match (&self.answer, question) {
                // Whatever became of it, the cache knows what it depends on.
                (_, Question::Archive { .. }) => false,
                (Err(_), _) => age < FAILURE_FRESH,
                (Ok(_), _) => true,
            }
    }
}

/// Those who wait for the answer to one question.
#[derive(Debug, Default)]
struct Waiting {
    /// They asked before the thread began to look.
    now: Vec<oneshot::Sender<Answer>>,
    /// They asked later; what the thread has looked at may have changed before that.
    next: Vec<(Option<Stamp>, oneshot::Sender<Answer>)>,
}

/// The task's state.
struct Keeper {
    answers: HashMap<Question, Kept>,
    waiting: HashMap<Question, Waiting>,
    /// The toolchains that were tried, or are being.
    proved: HashSet<Unproven>,
    requests: mpsc::WeakUnboundedSender<Request>,
    workshop: Arc<Workshop>,
}

impl Keeper {
    async fn run(mut self, mut received: mpsc::UnboundedReceiver<Request>) {
        while let Some(request) = received.recv().await {
            match request {
                Request::Ask {
                    question,
                    stamp,
                    answer,
                } => self.asked(question, stamp, answer),
                Request::Prove(unproven) => self.prove(unproven),
                Request::Found {
                    question,
                    stamp,
                    answer,
                } => {
                    let Waiting { now, next } = self.waiting.remove(&question).unwrap_or_default();
                    for asker in now {
                        let _ = asker.send(answer.clone());
                    }
                    if let Some((stamp, _)) = next.last() {
                        let stamp = *stamp;
                        let now = next.into_iter().map(|(_, asker)| asker).collect();
                        self.look(question.clone(), stamp, now);
                    }
                    if matches!(question, Question::Archive { .. }) {
                        continue;
                    }
                    if self.answers.len() >= MAX_ANSWERS {
                        self.answers.clear();
                    }
                    let kept = Kept {
                        answer,
                        stamp,
                        since: Instant::now(),
                    };
                    self.answers.insert(question, kept);
                }
            }
        }
    }

    fn asked(&mut self, question: Question, stamp: Option<Stamp>, answer: oneshot::Sender<Answer>) {
        if let Some(kept) = self.answers.get(&question)
            && kept.holds(stamp, &question, Instant::now())
        {
            let _ = answer.send(kept.answer.clone());
            return;
        }
        match self.waiting.get_mut(&question) {
            Some(waiting) if matches!(question, Question::Archive { .. }) => {
                waiting.next.push((stamp, answer));
            }
            Some(waiting) => waiting.now.push(answer),
            None => self.look(question, stamp, vec![answer]),
        }
    }

    /// A thread tries a toolchain, once.
    fn prove(&mut self, unproven: Unproven) {
        if self.proved.len() >= MAX_ANSWERS {
            self.proved.clear();
        }
        if !self.proved.insert(unproven.clone()) {
            return;
        }
        let workshop = Arc::clone(&self.workshop);
        let started = std::thread::Builder::new().spawn(move || workshop.prove(&unproven.question));
        if let Err(error) = started {
            warn!("no thread to try a toolchain with: {error}");
        }
    }

    /// A thread finds out.
    fn look(
        &mut self,
        question: Question,
        stamp: Option<Stamp>,
        now: Vec<oneshot::Sender<Answer>>,
    ) {
        let next = Vec::new();
        self.waiting.insert(question.clone(), Waiting { now, next });
        let (workshop, requests) = (Arc::clone(&self.workshop), self.requests.clone());
        tokio::task::spawn_blocking(move || {
            let answer = workshop.find_out(&question);
            if let Some(requests) = requests.upgrade() {
                let _ = requests.send(Request::Found {
                    question,
                    stamp,
                    answer,
                });
            }
        });
    }
}

/// Where threads find out.
struct Workshop {
    cache: NativeCache,
    platform: String,
}

impl Workshop {
    fn prove(&self, question: &Question) {
        const LOWEST: i32 = 19;
        // Of this thread, and of what it starts.
        let _ = rustix::process::setpriority_process(None, LOWEST);
        let Some(request) = question.request() else {
            return;
        };
        let compiler = request.compiler.display();
        match self.cache.prove(&request) {
            None | Some(Proof::Pending) => {}
            Some(Proof::Whole) => info!("{compiler} compiles with what was packed of it alone"),
            Some(Proof::Impossible(why)) => {
                info!("what was packed of {compiler} could not be tried here: {why}");
            }
            Some(Proof::Faulty(why)) => warn!("{why}"),
        }
    }

    fn find_out(&self, question: &Question) -> Answer {
        match question {
            Question::Archive {
                compiler,
                search,
                options,
                extra_files,
                compression,
            } => {
                let compression = match compression.as_str() {
                    "" => Compression::Zstd,
                    name => Compression::parse(name).ok_or_else(|| {
                        format!("{name:?} is no compression; use none, gzip, bzip2, zstd or xz")
                    })?,
                };
                let request = toolchain::Request {
                    compiler,
                    search: search.as_deref(),
                    options,
                    extra: extra_files,
                };
                let native = self.cache.find(&request, compression);
                let native = native.map_err(|error| error.to_string())?;
                let unproven = (native.proof == Proof::Pending).then(|| Unproven {
                    question: question.clone(),
                    archive: native.archive.name.as_str().to_owned(),
                });
                Ok(Known::Packed(Arc::new(Packed {
                    toolchain: Toolchain {
                        platform: self.platform.clone(),
                        name: native.archive.name.as_str().to_owned(),
                        path: native.archive.path,
                        gzipped: question.gzipped(),
                    },
                    probe: Probe {
                        family: native.family,
                        target: native.target,
                        behind: behind(native.alters_options, native.drivers),
                    },
                    has_c: native.has_c,
                    has_cxx: native.has_cxx,
                    unproven,
                    proof: native.proof,
                })))
            }
            Question::Probe { compiler } => {
                let compiler = Compiler::probe(compiler).map_err(|error| error.to_string())?;
                let drivers = compiler.c.into_iter().chain(compiler.cxx).collect();
                let probe = Probe {
                    family: compiler.family,
                    target: compiler.target,
                    behind: behind(compiler.alters_options, drivers),
                };
                Ok(Known::Probe(Arc::new(probe)))
            }
            Question::Native {
                compiler,
                family,
                options,
            } => {
                native::resolve(compiler, *family, options).map(|plain| Known::Native(plain.into()))
            }
        }
    }
}

fn behind(alters_options: bool, drivers: Vec<PathBuf>) -> Vec<PathBuf> {
    if alters_options { drivers } else { Vec::new() }
}
