//! Everything that has to be known before an executor is asked for: the toolchain's archive, the
//! remote command line, the preprocessor's order.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

use invocation::{Family, Language, Plan, Remote};
use job::Reason;
use wire::view::VARIABLES;

use super::chronicle::Chronicle;
use super::outline::Outline;
use super::{terminal, versions};
use crate::cluster::{Effort, Failure, Files, Toolchain, Wish, Work, own_platform};
use crate::hub::Permit;
use crate::inputs::{Locale, Not};
use crate::shared::Shared;
use crate::text::{Order, Source};
use crate::toolbox::{Probe, Unproven};

/// The compiler, packed in one way or more.
#[derive(Debug)]
pub(crate) struct Kit {
    pub(crate) toolchains: Vec<Toolchain>,
    family: Family,
    target: String,
    /// The compilers behind a script that changes options.
    behind: Vec<PathBuf>,
    /// It has not been tried yet.
    pub(crate) unproven: Option<Unproven>,
}

/// The archives that could serve a plan, the user's own or the automatic one.
pub(crate) async fn kit(outline: &Outline, shared: &Shared, plan: &Remote) -> Result<Kit, Failure> {
    if let Some(list) = outline.environment.versions() {
        let found = versions::archives(
            list,
            &outline.called_as,
            &outline.directory,
            &own_platform(),
        );
        let toolchains = found.map_err(toolchain_failed)?;
        let probe = shared
            .toolbox
            .probe(&outline.program)
            .await
            .map_err(toolchain_failed)?;
        return Ok(Kit::new(toolchains, &probe));
    }
    let mut extra_files = Vec::new();
    for file in plan
        .extra_files
        .iter()
        .cloned()
        .chain(outline.environment.extra_files())
    {
        let path = outline.directory.join(&file);
        if file.as_os_str().is_empty() || std::fs::File::open(&path).is_err() {
            return Err(Failure::here(
                Reason::ExtraFileMissing,
                file.display().to_string(),
            ));
        }
        extra_files.push(path);
    }
    let compression = outline.environment.archive_compression();
    let packed = shared
        .toolbox
        .archive(
            &outline.program,
            outline.environment.get("PATH"),
            &plan.tool_options,
            extra_files,
            compression,
        )
        .await;
    let packed = packed.map_err(toolchain_failed)?;
    let has = match plan.language {
        Language::Cxx => packed.has_cxx,
        _ => packed.has_c,
    };
    if !has {
        let why = match &packed.proof {
            toolchain::Proof::Faulty(why) => why.clone(),
            _ => format!(
                "{} is installed without the compiler for it",
                outline.program.display()
            ),
        };
        return Err(toolchain_failed(why));
    }
    Ok(Kit {
        unproven: packed.unproven.clone(),
        ..Kit::new(vec![packed.toolchain.clone()], &packed.probe)
    })
}

/// The job as the compiler would have got it from the script around it; `None` when there is no
/// script that changes anything.
pub(crate) async fn behind(
    outline: &Outline,
    plan: &Remote,
    kit: &Kit,
) -> Result<Option<Outline>, Failure> {
    if kit.behind.is_empty() {
        return Ok(None);
    }
    let (program, arguments) = (outline.program.clone(), outline.arguments.clone());
    let (directory, environment) = (
        outline.directory.clone(),
        outline.environment.for_compiler(),
    );
    let (source, drivers) = (plan.source.clone(), kit.behind.clone());
    let watched = tokio::task::spawn_blocking(move || {
        let wrapped = toolchain::Wrapped {
            script: &program,
            arguments: &arguments,
            environment: &environment,
            directory: &directory,
            source: source.as_os_str(),
        };
        toolchain::unwrap(&wrapped, &drivers)
    });
    let found = watched
        .await
        .map_err(|error| toolchain_failed(error.to_string()))?;
    let found = found.map_err(|error| toolchain_failed(error.to_string()))?;
    Ok(Some(outline.behind(found)))
}

impl Kit {
    fn new(toolchains: Vec<Toolchain>, probe: &Probe) -> Self {
        let family = match probe.family {
            toolchain::Family::Gcc => Family::Gcc,
            toolchain::Family::Clang => Family::Clang,
        };
        Self {
            toolchains,
            family,
            target: probe.target.clone(),
            behind: probe.behind.clone(),
            unproven: None,
        }
    }

    /// Finds out what members call each toolchain.
    pub(crate) async fn identify(&mut self, shared: &Shared) -> Result<(), Failure> {
        for toolchain in &mut self.toolchains {
            if toolchain.manifest.is_none() {
                let listed = shared.toolbox.listing(&toolchain.path).await;
                toolchain.manifest = Some(listed.map_err(toolchain_failed)?.identity().0);
            }
        }
        Ok(())
    }

    /// The plan again, if the compiler is not what its name says (a `cc` that is clang).
    pub(crate) fn true_plan(&self, outline: &Outline, plan: &Remote) -> Option<Plan> {
        if plan.family == self.family {
            return None;
        }
        let true_name = match (self.family, plan.language) {
            (Family::Gcc, Language::Cxx | Language::ObjectiveCxx) => "g++",
            (Family::Gcc, _) => "gcc",
            (Family::Clang, Language::Cxx | Language::ObjectiveCxx) => "clang++",
            (Family::Clang, _) => "clang",
        };
        Some(outline.plan_as(OsStr::new(true_name)))
    }
}

fn toolchain_failed(why: String) -> Failure {
    Failure::here(Reason::ToolchainFailed, why)
}

/// What the executor is told, with this host's particulars made plain.
pub(crate) async fn work(
    outline: &Outline,
    shared: &Shared,
    plan: &Remote,
    kit: &Kit,
) -> Result<Work, Failure> {
    let mut arguments = plan.compile.clone();
    if !plan.native_options.is_empty() {
        let asked = plan.native_options.clone();
        let plain = shared
            .toolbox
            .native(&outline.program, plan.family, asked)
            .await;
        let plain = plain.map_err(|why| Failure::here(Reason::NativeUnresolved, why))?;
        let mut plan = plan.clone();
        plan.replace_native(&plain);
        arguments = plan.compile;
    }
    if plan.add_target && plan.family == Family::Clang {
        arguments.extend([OsString::from("-target"), kit.target.clone().into()]);
    }
    Ok(Work {
        family: plan.family,
        language: plan.language,
        arguments: arguments.into_iter().map(OsString::into_vec).collect(),
        source: plan.source.clone(),
        directory: outline.directory.clone(),
        output: plan.output.clone(),
        has_object: plan.has_object,
        split_dwarf: plan.dwo.is_some(),
        files: None,
    })
}

/// The files that the job reads, if they are known; else it travels as text.
pub(crate) async fn files(
    outline: &Outline,
    shared: &Shared,
    plan: &Remote,
    toolchains: &[Toolchain],
    chronicle: &mut Chronicle,
) -> Result<Option<Files>, Failure> {
    let with_files = plan.with_files.as_ref();
    // What else a user's archive or a compiler of another place would find is not known.
    let is_users = outline.environment.versions().is_some() || toolchains.len() != 1;
    let listing = match is_users {
        true => Err(Not::Files(
            "the toolchain is the user's own archive".to_owned(),
        )),
        false => {
            shared
                .inputs
                .listing(outline, plan, chronicle.arrived())
                .await
        }
    };
    let (found, with_files) = match (listing, with_files) {
        (Ok(found), Some(with_files))
            if (found.listing.gcc).is_some_and(|gcc| gcc < with_files.least_gcc) =>
        {
            if found.listing.is_precompiled {
                let why = "a precompiled header, and this gcc names its outputs in another way";
                return Err(Failure::here(Reason::Modules, why));
            }
            chronicle.why_text("this gcc names its outputs in another way".to_owned());
            return Ok(None);
        }
        (Ok(found), Some(with_files)) => {
            chronicle.input(found.input, found.listing.files);
            let time = found.listing.time;
            chronicle.repeats(!time.of_compile && !time.of_source);
            (found, with_files)
        }
        (Err(Not::Text(why)), _) => return Err(Failure::here(Reason::Modules, why)),
        (Err(Not::Files(why)), _) => {
            chronicle.why_text(why);
            return Ok(None);
        }
        (Ok(_), None) => return Ok(None),
    };
    let variable = |name: &str, value: &OsStr| {
        let mut variable = format!("{name}=").into_bytes();
        variable.extend(value.as_bytes());
        variable
    };
    // How it speaks is the locale's and the terminal's; the zone reaches some compiles only.
    let time = found.listing.time;
    let is_left_out = |name: &str| {
        Locale::decides(name) || terminal::decides(name) || name == "TZ" && !time.of_source
    };
    let epoch = found.epoch.map(|epoch| OsString::from(epoch.to_string()));
    let epoch = epoch.map(|epoch| variable("SOURCE_DATE_EPOCH", &epoch));
    let of_files = VARIABLES
        .iter()
        .filter(|name| !is_left_out(name))
        .filter_map(|name| Some(variable(name, outline.environment.get(name)?)));
    let locale = found.locale.variables.iter();
    let of_locale = locale.map(|(name, value)| variable(name, value));
    let mut arguments = found.listing.arguments.clone();
    let own = with_files.arguments.iter();
    arguments.extend(own.map(|word| word.as_bytes().to_vec()));
    Ok(Some(Files {
        catalogue: shared.inputs.catalogue(),
        arguments,
        environment: of_files.chain(of_locale).chain(epoch).collect(),
        directory: found.directory,
        speaks_alike: found.speaks_alike,
        terminal: terminal::manner(outline, plan.family),
        listing: found.listing,
        dependencies: with_files.dependencies.is_some(),
        other_outputs: !plan.has_object || plan.dwo.is_some(),
    }))
}

/// What is asked of the scheduler.
pub(crate) fn wish(outline: &Outline, plan: &Remote, toolchains: Vec<Toolchain>) -> Wish {
    // What we can also have as gzip needs nothing of the executor.
    let ends = |suffix: &str| {
        toolchains.iter().any(|archive| {
            let path = archive.path.as_os_str().as_bytes();
            archive.gzipped.is_none() && path.ends_with(suffix.as_bytes())
        })
    };
    let archive_compression = if ends(".xz") {
        "xz"
    } else if ends(".zst") {
        "zstd"
    } else {
        ""
    };
    Wish {
        archive_compression: archive_compression.to_owned(),
        toolchains,
        source: outline.directory.join(&plan.source),
        language: plan.language,
        weight_flags: plan.weight_flags,
        preferred_host: outline.environment.preferred_host().to_owned(),
        much_memory: false,
        niceness: outline.niceness,
    }
}

/// What the preprocessor is told.
pub(crate) fn order(outline: &Outline, shared: &Shared, plan: &Remote, permit: Permit) -> Order {
    let source = match plan.preprocessed {
        true => Source::Preprocessed(plan.source.clone()),
        false => Source::Preprocessor {
            program: outline.program.clone(),
            arguments: plan.preprocess.clone(),
            // Else the preprocessor has expanded everything here.
            includes_only: plan
                .includes_only
                .then(|| (plan.family, Arc::clone(&shared.pragmas))),
            watched: shared.inputs.watched(outline, plan),
        },
    };
    Order {
        source,
        directory: outline.directory.clone(),
        environment: outline.environment.for_compiler(),
        umask: outline.umask,
        niceness: outline.niceness,
        effort: match outline.environment.level() {
            Some(level) => Effort::Level(level),
            // Nobody knows yet who will compile it.
            None => shared.paces.anywhere(),
        },
        permit: Some(permit),
    }
}
