//! Which files a job reads, found without running its preprocessor.
//!
//! For now it only looks over the preprocessor's shoulder: with `FLOE_INPUTS=shadow` each text's files
//! are compared with those that [`includes`] finds, and the log says how they compare.

mod compiler;
mod disk;
mod scanner;
mod shadow;

use std::sync::Arc;

use invocation::Remote;
pub(crate) use shadow::{Shadow, Watched};

use crate::job::Outline;
use compiler::Asked;

/// Variables that name directories or tools. No other changes which files are read.
const VARIABLES: &[&str] = &[
    "PATH",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "OBJC_INCLUDE_PATH",
    "OBJCPLUS_INCLUDE_PATH",
    "COMPILER_PATH",
    "GCC_EXEC_PREFIX",
    "LD_LIBRARY_PATH",
    "SDKROOT",
];

/// The comparison of a job whose user wants it, where the command is followed at all.
pub(crate) fn watched(
    outline: &Outline,
    plan: &Remote,
    shadow: &Arc<Shadow>,
) -> Option<Box<Watched>> {
    if outline.environment.get(job::variable::FLOE_INPUTS)? != "shadow" {
        return None;
    }
    let inputs = plan.inputs.clone()?;
    let mut environment = outline.environment.for_compiler();
    environment.retain(|(name, _)| VARIABLES.iter().any(|known| name == known));
    let asked = Asked {
        program: outline.program.clone(),
        language: plan.language,
        options: inputs.question.clone(),
        directory: outline.directory.clone(),
        environment,
    };
    Some(Box::new(Watched {
        shadow: Arc::clone(shadow),
        asked,
        inputs,
        source: plan.source.clone(),
    }))
}
