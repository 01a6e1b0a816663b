//! The two command lines of a plan: the preprocessing step here, and what is sent.
//!
//! Everything keeps the user's order and spelling. What is left out, replaced or added:
//!
//! | what | preprocessing | sent |
//! |---|---|---|
//! | `-c` `-S` | out | at the end, one of them |
//! | `-o`, the source | out; in place | out |
//! | `-x` | in place | out: the executor is told the language |
//! | includes, dependency options, what the table calls `Here` | in place | out |
//! | macros (`-D`, `-U`, `-undef`, `-Wp,`) | in place | only when macros are expanded remotely |
//! | what would spoil the text (`Nowhere`), `-fdiagnostics-color=auto` | out | out |
//! | extra files | in place | absolute path |
//! | `-E`, the mode, `-MF`/`-MQ` | added | – |
//! | `-fdirectives-only`; clang's compilation directory, `-undef`, `-x cpp-output` | – | added |
//! | a colour option | added | added |
//!
//! A third one, for gcc, is the compile without its outputs: for what there is to say. The one for files
//! instead of text is [`crate::with_files`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::input::{Source, base_name, with_extension};
use crate::plan::{Family, Language};
use crate::reading::{Reading, Sent};
use crate::table::Meaning;

/// The arguments of the preprocessing step; its text goes to standard output.
pub(crate) fn preprocess(
    reading: &Reading<'_>,
    includes_only: bool,
    output: &Path,
    colour: Option<&'static str>,
) -> Vec<OsString> {
    let kept = reading.parts.iter().filter(|part| part.here);
    let mut line: Vec<OsString> = kept.flat_map(|part| part.word.arguments).cloned().collect();
    line.extend(colour.map(OsString::from));
    line.push("-E".into());
    match (reading.family, includes_only) {
        (Family::Gcc, true) => line.push("-fdirectives-only".into()),
        (Family::Clang, true) => line.push("-frewrite-includes".into()),
        (_, false) => {}
    }
    if reading.family == Family::Clang {
        // What only the compile uses is not unused; the remote compiler says what is.
        line.push("-Qunused-arguments".into());
    }
    dependencies(reading, output, &mut line);
    line
}

/// Names the dependency file and its target as a compile would, which the preprocessing step
/// cannot know without its `-o`.
fn dependencies(reading: &Reading<'_>, output: &Path, line: &mut Vec<OsString>) {
    let asked = reading.dependencies;
    if asked.wanted && !asked.file_named && !asked.by_preprocessor {
        line.push("-MF".into());
        line.push(with_extension(output, "d").into_os_string());
    }
    dependency_target(reading, line, false);
}

/// Names the target of dependency rules, unless the user did. With `elsewhere` the compiler is given another `-o`
/// than the user's, else none.
pub(crate) fn dependency_target(reading: &Reading<'_>, line: &mut Vec<OsString>, elsewhere: bool) {
    let asked = reading.dependencies;
    // gcc hands the output's name only to its own -MD, clang also to -Wp,-MD.
    let named_after_output =
        asked.wanted || (asked.by_preprocessor && reading.family == Family::Clang);
    let is_wanted = named_after_output || elsewhere && asked.by_preprocessor;
    if is_wanted && !asked.target_named {
        match (reading.output, reading.family) {
            (Some(named), _) if named_after_output && !named.is_empty() => {
                line.extend(["-MQ".into(), named.to_owned()]);
            }
            // Without -o both write the source's base name with .o, also for -S.
            (_, family) if family == Family::Clang || elsewhere => {
                if let Some(input) = reading.inputs.first() {
                    let base = OsStr::from_bytes(base_name(input.name));
                    line.extend([
                        "-MQ".into(),
                        with_extension(Path::new(base), "o").into_os_string(),
                    ]);
                }
            }
            _ => {}
        }
    }
}

/// The arguments for the remote compiler.
pub(crate) fn compile(
    reading: &Reading<'_>,
    source: Source,
    includes_only: bool,
    colour: Option<&'static str>,
) -> Vec<OsString> {
    let mut line: Vec<OsString> = Vec::new();
    for part in &reading.parts {
        match &part.sent {
            Sent::No => {}
            Sent::AsMacro | Sent::AsMacroReplaced(_) if !includes_only => {}
            Sent::AsGiven | Sent::AsMacro => line.extend_from_slice(part.word.arguments),
            Sent::As(replaced) | Sent::AsMacroReplaced(replaced) => {
                // The option itself stands first when its value stands apart.
                let (_, before) = part.word.arguments.split_last().unwrap_or((replaced, &[]));
                line.extend_from_slice(before);
                line.push(replaced.clone());
            }
        }
    }
    line.extend(colour.map(OsString::from));
    if reading.family == Family::Clang {
        if let Some(directory) = &reading.compilation_directory {
            // The executor sets the working directory, and the last one counts.
            for word in [OsStr::new("-fdebug-compilation-dir"), directory] {
                line.extend(["-Xclang".into(), word.to_owned()]);
            }
        }
        if source.preprocessed {
            // For a source that the user preprocessed, clang takes names from the line markers.
            line.extend(["-x".into(), preprocessed_name(source.language).into()]);
        } else if !includes_only {
            // The text was expanded once; a name like `linux` in it is no macro any more.
            line.push("-undef".into());
        }
    }
    line.push(if reading.assembly { "-S" } else { "-c" }.into());
    let directives = if source.preprocessed {
        reading.directives_only
    } else {
        includes_only
    };
    if reading.family == Family::Gcc && directives {
        line.push("-fdirectives-only".into());
    }
    line
}

/// The arguments of a run that is a compile but for its outputs: the object, dependency files.
pub(crate) fn front_end(reading: &Reading<'_>, source: Source) -> Option<Vec<OsString>> {
    let odd = source.preprocessed || reading.directives_only || !reading.extra_files.is_empty();
    if reading.family != Family::Gcc || odd {
        return None;
    }
    let mut line: Vec<OsString> = Vec::new();
    for (at, part) in reading
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| part.here)
    {
        if part.word.is_about_dependencies() {
            continue;
        }
        let for_preprocessor = reading.handed_on(at, Meaning::PreprocessorWords).is_some();
        match &part.sent {
            Sent::No if for_preprocessor => {}
            Sent::AsMacroReplaced(replaced) => line.push(replaced.clone()),
            _ => line.extend_from_slice(part.word.arguments),
        }
    }
    line.extend(["-c".into(), "-fsyntax-only".into()]);
    Some(line)
}

fn preprocessed_name(language: Language) -> &'static str {
    match language {
        Language::C => "cpp-output",
        Language::Cxx => "c++-cpp-output",
        Language::ObjectiveC => "objective-c-cpp-output",
        Language::ObjectiveCxx => "objective-c++-cpp-output",
    }
}
