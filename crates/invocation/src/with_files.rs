//! The command line of a compile that reads the source and its headers as files, at their places.
//!
//! It is the user's own: what is left out is the source, `-o`, `-x` (the executor is told the language) and
//! the names of dependency files, since both are written elsewhere there; what is added is `-c` or `-S` at the end,
//! a colour option, the target of dependency rules, which would be named after `-o`, and the name of split debug
//! information, which would be too.

mod split;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::command::dependency_target;
use crate::input::with_extension;
use crate::plan::{Family, WithFiles};
use crate::reader::Kind;
use crate::reading::{Reading, Sent};
use crate::table::{Fate, Meaning};

/// `None` where something else than included files is read, or something else than an object and
/// dependency rules written.
pub(crate) fn of(
    reading: &Reading<'_>,
    output: &Path,
    colour: Option<&'static str>,
) -> Option<WithFiles> {
    // -fverbose-asm lists what gcc makes of the host's memory.
    let odd = reading.verbose_assembly.is_some()
        || reading.directives_only
        || reading.runs_plugin
        || !reading.tool_options.is_empty();
    if odd {
        return None;
    }
    let mut arguments: Vec<OsString> = Vec::new();
    let mut file = None;
    if reading.dependencies.by_preprocessor
        && (reading.dependencies.wanted || reading.dependencies.file_named)
    {
        // Which of the two names the file was never looked at.
        return None;
    }
    // What would spoil a text is written into debug information.
    let spoils_text =
        |kind: &Kind<'_>| matches!(kind, Kind::Listed { spec, .. } if spec.fate == Fate::Nowhere);
    let given = reading.parts.iter();
    for part in given.filter(|part| part.here || spoils_text(&part.word.kind)) {
        let Kind::Listed { spec, value } = part.word.kind else {
            if matches!(part.word.kind, Kind::Unlisted) {
                arguments.extend_from_slice(part.word.arguments);
            }
            continue;
        };
        match spec.fate {
            Fate::Means(Meaning::Language) => {}
            Fate::Means(Meaning::DependencyFile) => file = Some(value),
            Fate::Means(Meaning::PreprocessorWords) if part.sent == Sent::No => {
                let (option, named) = rules_of_kernels(part.word.arguments)?;
                if file.replace(named).is_some() {
                    return None;
                }
                arguments.push(option.into());
            }
            _ if spec.spelling == "-MG" || spec.spelling.starts_with("--print-missing-file") => {
                return None;
            }
            _ => match &part.sent {
                Sent::AsMacroReplaced(replaced) => arguments.push(replaced.clone()),
                _ => arguments.extend_from_slice(part.word.arguments),
            },
        }
    }
    arguments.extend(colour.map(OsString::from));
    dependency_target(reading, &mut arguments, true);
    let names_split = reading.split_dwarf && !reading.syntax_only;
    if names_split {
        arguments.extend(split::names(reading, output)?);
    }
    arguments.push(if reading.assembly { "-S" } else { "-c" }.into());
    let is_piped = arguments
        .iter()
        .any(|word| word == "-pipe" || word == "--pipe");
    Some(WithFiles {
        error_removes_output: !reading.syntax_only
            && (reading.family == Family::Clang || reading.assembly || is_piped),
        arguments,
        least_gcc: if names_split { split::LEAST_GCC } else { 0 },
        dependencies: dependencies(reading, file, output).ok()?,
    })
}

/// `-Wp,-MD,FILE`, and with `-MMD`: how kernels ask for rules. Written out it is the option itself, but for gcc the
/// target, which is not named after `-o` then.
fn rules_of_kernels(words: &[OsString]) -> Option<(&'static str, &OsStr)> {
    let [word] = words else {
        return None;
    };
    let forms = [("-MD", &b"-Wp,-MD,"[..]), ("-MMD", b"-Wp,-MMD,")];
    let mut named = forms.iter().filter_map(|(option, form)| {
        let file = word.as_bytes().strip_prefix(*form)?;
        Some((*option, OsStr::from_bytes(file)))
    });
    named
        .next()
        .filter(|(_, file)| !file.as_bytes().contains(&b','))
}

/// Where the rules would go is not known.
struct Unnamed;

/// Where the rules go, if some are wanted.
fn dependencies(
    reading: &Reading<'_>,
    file: Option<&OsStr>,
    output: &Path,
) -> Result<Option<PathBuf>, Unnamed> {
    if !reading.dependencies.wanted && !reading.dependencies.by_preprocessor {
        // A name alone is an error for gcc, and clang does not use it.
        return file.map_or(Ok(None), |_| Err(Unnamed));
    }
    match file {
        Some(file) if file.is_empty() => Err(Unnamed),
        Some(file) => Ok(Some(PathBuf::from(file))),
        // clang names it after `-o` as gcc does, but for `-S` and names without an extension nobody looked.
        None if reading.family == Family::Clang && output.extension().is_none() => Err(Unnamed),
        None => Ok(Some(with_extension(output, "d"))),
    }
}
