//! What is known of each compiler: its packed toolchain, its target, what `native` means to it; and
//! what archives hold that users made.
//!
//! One task owns the answers; each question is answered once by a thread and then from memory, as
//! long as the compiler's own file has not changed. An archive holds more files than that one: the
//! cache behind it looks at each of them for every compile (0.07 ms for gcc's, measured), and a
//! compile that asks while it looks is answered by the next look.

mod keeper;
mod native;
mod proof;
mod workshop;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use toolchain::{Family, Manifest, NativeCache, Proof, Stamp};

use self::keeper::Keeper;
pub use self::proof::{trials, try_toolchain};
use self::workshop::Workshop;
use crate::cluster::Toolchain;

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
    /// What an archive holds that a user made.
    Listing {
        archive: PathBuf,
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

    /// The file whose change makes an answer void.
    fn subject(&self) -> &Path {
        match self {
            Self::Archive { compiler, .. }
            | Self::Probe { compiler }
            | Self::Native { compiler, .. } => compiler,
            Self::Listing { archive } => archive,
        }
    }
}

#[derive(Clone, Debug)]
enum Known {
    Packed(Arc<Packed>),
    Probe(Arc<Probe>),
    Native(Arc<[OsString]>),
    Listing(Arc<Manifest>),
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
        let keeper = Keeper::new(Workshop { cache, platform }, requests.downgrade());
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

    /// The files of an archive that a user made; it is read whole when it is new.
    pub(crate) async fn listing(&self, archive: &Path) -> Result<Arc<Manifest>, String> {
        match self
            .ask(Question::Listing {
                archive: archive.to_owned(),
            })
            .await?
        {
            Known::Listing(manifest) => Ok(manifest),
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
        let stamp = Stamp::at(question.subject());
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
