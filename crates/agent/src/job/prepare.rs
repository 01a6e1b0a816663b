//! Everything that has to be known before an executor is asked for: the toolchain's archive, the
//! remote command line, the preprocessor's order.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use invocation::{Family, Plan, Remote};
use job::Reason;

use super::outline::Outline;
use super::versions;
use crate::cluster::{Failure, Toolchain, Wish, Work, own_platform};
use crate::hub::Permit;
use crate::shared::Shared;
use crate::text::{Order, Source};
use crate::toolbox;

/// The plan again, if the compiler is not what its name says (a `cc` that is clang).
pub(crate) async fn true_plan(
    outline: &Outline,
    shared: &Shared,
    plan: &Remote,
) -> Result<Option<Plan>, Failure> {
    let probe = shared
        .toolbox
        .probe(&outline.program)
        .await
        .map_err(toolchain_failed)?;
    let true_name = match (plan.family, probe.family) {
        (Family::Gcc, toolbox::Family::Clang) => match plan.language {
            invocation::Language::C | invocation::Language::ObjectiveC => "clang",
            _ => "clang++",
        },
        (Family::Clang, toolbox::Family::Gcc) => "gcc",
        _ => return Ok(None),
    };
    Ok(Some(outline.plan_as(OsStr::new(true_name))))
}

/// The archives that could serve, the user's own or the automatic one.
pub(crate) async fn toolchains(
    outline: &Outline,
    shared: &Shared,
    plan: &Remote,
) -> Result<Vec<Toolchain>, Failure> {
    if let Some(list) = outline.environment.versions() {
        let found = versions::archives(
            list,
            &outline.called_as,
            &outline.directory,
            &own_platform(),
        );
        return found.map_err(toolchain_failed);
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
    let archive = shared
        .toolbox
        .archive(&outline.program, extra_files, compression)
        .await;
    Ok(vec![Toolchain::clone(&*archive.map_err(toolchain_failed)?)])
}

fn toolchain_failed(why: String) -> Failure {
    Failure::here(Reason::ToolchainFailed, why)
}

/// What the executor is told, with this host's particulars made plain.
pub(crate) async fn work(
    outline: &Outline,
    shared: &Shared,
    plan: &Remote,
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
        plan.replace_native(plain.to_vec());
        arguments = plan.compile;
    }
    if plan.add_target && plan.family == Family::Clang {
        let probe = shared
            .toolbox
            .probe(&outline.program)
            .await
            .map_err(toolchain_failed)?;
        arguments.extend([OsString::from("-target"), probe.target.clone().into()]);
    }
    Ok(Work {
        family: plan.family,
        language: plan.language,
        arguments: arguments.into_iter().map(OsString::into_vec).collect(),
        source: plan.source.clone(),
        directory: outline.directory.clone(),
        output: plan.output.clone(),
        split_dwarf: plan.dwo.is_some(),
    })
}

/// What is asked of the scheduler.
pub(crate) fn wish(outline: &Outline, plan: &Remote, toolchains: Vec<Toolchain>) -> Wish {
    let ends = |suffix: &str| {
        toolchains.iter().any(|archive| {
            archive
                .path
                .as_os_str()
                .as_bytes()
                .ends_with(suffix.as_bytes())
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
        niceness: outline.niceness,
    }
}

/// What the preprocessor is told.
pub(crate) fn order(outline: &Outline, plan: &Remote, permit: Permit) -> Order {
    let source = match plan.preprocessed {
        true => Source::Preprocessed(plan.source.clone()),
        false => Source::Preprocessor {
            program: outline.program.clone(),
            arguments: plan.preprocess.clone(),
            // Else the preprocessor has expanded them here.
            clock_matters: plan.includes_only,
        },
    };
    Order {
        source,
        directory: outline.directory.clone(),
        environment: outline.environment.for_compiler(),
        umask: outline.umask,
        niceness: outline.niceness,
        level: outline.environment.level(),
        permit: Some(permit),
    }
}
