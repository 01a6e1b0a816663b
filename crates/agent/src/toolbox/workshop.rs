//! Where threads find out what is asked.

use std::path::PathBuf;
use std::sync::Arc;

use toolchain::{Compiler, Compression, Limits, NativeCache, Proof};
use tracing::{info, warn};

use super::{Answer, Known, Packed, Probe, Question, Unproven};
use crate::cluster::Toolchain;

/// Where threads find out.
pub(super) struct Workshop {
    pub(super) cache: NativeCache,
    pub(super) platform: String,
}

impl Workshop {
    pub(super) fn prove(&self, question: &Question) {
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

    pub(super) fn find_out(&self, question: &Question) -> Answer {
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
                        manifest: Some(native.contents.manifest().identity().0),
                        contents: Some(native.contents),
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
            } => super::native::resolve(compiler, *family, options)
                .map(|plain| Known::Native(plain.into())),
            Question::Listing { archive } => toolchain::list_archive(archive, Limits::default())
                .map(|manifest| Known::Listing(Arc::new(manifest)))
                .map_err(|error| error.to_string()),
        }
    }
}

fn behind(alters_options: bool, drivers: Vec<PathBuf>) -> Vec<PathBuf> {
    if alters_options { drivers } else { Vec::new() }
}
