//! From what a command line says to what is done with it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use job::Reason;

use crate::clock::ClockScan;
use crate::command;
use crate::compiler::{Compiler, compiler_of};
use crate::input::{self, Source, with_extension};
use crate::inputs::Inputs;
use crate::plan::{Call, Family, Files, Language, Local, Plan, Remote, Settings};
use crate::reader::read;
use crate::reading::{Reading, Sent};
use crate::response::expand_response_files;
use crate::weight::weight;
use crate::with_files;

/// Decides whether an invocation may travel, and with what.
pub fn plan(call: &Call<'_>, files: &dyn Files) -> Plan {
    let Some(compiler) = compiler_of(call.called_as) else {
        return stay(Reason::NotCompiler, call.called_as.to_string_lossy());
    };
    let arguments = match expand_response_files(call.arguments, call.directory, files) {
        Ok(arguments) => arguments,
        Err(error) => return stay(Reason::UnreadableOption, error.to_string()),
    };
    let words = match read(&arguments, compiler.family) {
        Ok(words) => words,
        Err(unreadable) => return stay(Reason::UnreadableOption, unreadable.0),
    };
    let reading = Reading::of(&words, compiler.family, call.directory, files);
    match travel(&reading, compiler, call.settings, files) {
        Ok(mut remote) => {
            remote.weight_flags = weight(&arguments);
            Plan::Remote(Box::new(remote))
        }
        Err((reason, detail)) => Plan::Local(Local {
            reason,
            detail,
            all_slots: reason == Reason::NoCompileStep && links_in_parallel(&reading),
            output: reading.output.map(PathBuf::from),
        }),
    }
}

fn stay(reason: Reason, detail: impl Into<String>) -> Plan {
    Plan::Local(Local {
        reason,
        detail: detail.into(),
        all_slots: false,
        output: None,
    })
}

/// Reasons that say what kind of command this is; they explain more than any single option does.
const KINDS: [Reason; 5] = [
    Reason::UnreadableOption,
    Reason::PreprocessOnly,
    Reason::DependenciesOnly,
    Reason::SyntaxOnly,
    Reason::NoCompileStep,
];

fn travel(
    reading: &Reading<'_>,
    compiler: Compiler,
    settings: &Settings,
    files: &dyn Files,
) -> Result<Remote, (Reason, String)> {
    let kind = KINDS
        .iter()
        .find_map(|kind| reading.stays.iter().find(|(reason, _)| reason == kind));
    if let Some(verdict) = kind {
        return Err(verdict.clone());
    }
    if !reading.compile && !reading.assembly && !reading.syntax_only {
        return Err((Reason::NoCompileStep, "neither -c nor -S".to_owned()));
    }
    let for_text = |verdict: &&(Reason, String)| verdict.0 == Reason::NotInText;
    if let Some(verdict) = reading.stays.iter().find(|verdict| !for_text(verdict)) {
        return Err(verdict.clone());
    }
    let (name, source) = only_source(reading, compiler, files)?;
    let output = output(reading, name, files)?;
    let includes_only = !source.preprocessed && expands_remotely(reading, source, settings);
    let lost = lost_in_text(reading, name, source, includes_only);
    let lost = lost.map(|lost| (Reason::NotInText, lost));
    let no_text = reading.stays.iter().find(for_text).cloned().or(lost);
    let read = reading.precompiled.as_ref();
    let read = read.map(|_| (Reason::Modules, reading.precompiled_by.clone()));
    let no_text = read.or(no_text);
    // Text would be preprocessed for nothing: the rest of such a compile is short, and could be done here at once.
    let no_object = || (Reason::SyntaxOnly, "-fsyntax-only".to_owned());
    let no_text = reading.syntax_only.then(no_object).or(no_text);
    if source.preprocessed && (reading.dependencies.wanted || reading.dependencies.by_preprocessor)
    {
        return Err((
            Reason::SideOutput,
            "a dependency file of preprocessed text".to_owned(),
        ));
    }
    let colour = colour(reading, settings);
    let clang = reading.family == Family::Clang;
    let whole_text = !includes_only;
    let inputs = Inputs::of(reading).filter(|_| !source.preprocessed);
    let with_files = match &inputs {
        Some(_) => with_files::of(reading, &output, colour),
        None => None,
    };
    if let Some(verdict) = no_text.as_ref().filter(|_| with_files.is_none()) {
        return Err(verdict.clone());
    }
    Ok(Remote {
        family: reading.family,
        language: source.language,
        source: PathBuf::from(name),
        has_object: !reading.syntax_only,
        dwo: makes_dwo(reading).then(|| with_extension(&output, "dwo")),
        preprocessed: source.preprocessed,
        includes_only,
        preprocess: if source.preprocessed {
            Vec::new()
        } else {
            command::preprocess(reading, includes_only, &output, colour)
        },
        inputs,
        with_files,
        else_stays: no_text.map(|(reason, detail)| Local {
            reason,
            detail,
            all_slots: false,
            output: Some(output.clone()),
        }),
        front_end: command::front_end(reading, source),
        compile: command::compile(reading, source, includes_only, colour),
        extra_files: reading.extra_files.clone(),
        tool_options: reading.tool_options.clone(),
        add_target: clang && !reading.target,
        native_options: reading.natives.clone(),
        repeat_on_diagnostics: settings.repeat_on_diagnostics
            && reading.caret
            && (!clang || whole_text),
        weight_flags: 0,
        output,
    })
}

fn makes_dwo(reading: &Reading<'_>) -> bool {
    let goes_on = !reading.assembly && !reading.syntax_only;
    reading.split_dwarf && !reading.split_within && goes_on
}

fn only_source<'a>(
    reading: &Reading<'a>,
    compiler: Compiler,
    files: &dyn Files,
) -> Result<(&'a OsStr, Source), (Reason, String)> {
    let shown = |name: &OsStr| name.to_string_lossy().into_owned();
    if let Some(stdin) = reading.inputs.iter().find(|input| input.name == "-") {
        return Err((Reason::InputFromStdin, shown(stdin.name)));
    }
    let [input] = reading.inputs[..] else {
        return Err(match reading.inputs.get(1) {
            Some(second) => (Reason::SeveralInputs, shown(second.name)),
            None => (Reason::NoInput, String::new()),
        });
    };
    let mut source = input::source(input.name, input.language, compiler)
        .map_err(|reason| (reason, shown(input.name)))?;
    if files.is_special(&reading.directory.join(input.name)) {
        return Err((Reason::InputFromStdin, shown(input.name)));
    }
    source.preprocessed |= reading.preprocessed;
    if input::is_probe(input.name) {
        return Err((Reason::ConfigureProbe, shown(input.name)));
    }
    Ok((input.name, source))
}

fn output(
    reading: &Reading<'_>,
    source: &OsStr,
    files: &dyn Files,
) -> Result<PathBuf, (Reason, String)> {
    let output = match reading.output {
        Some(named) if !named.is_empty() => PathBuf::from(named),
        _ => {
            let extension = match (reading.assembly, reading.emit_llvm) {
                (false, false) => "o",
                (true, false) => "s",
                (false, true) => "bc",
                (true, true) => "ll",
            };
            with_extension(
                Path::new(OsStr::from_bytes(input::base_name(source))),
                extension,
            )
        }
    };
    if reading.syntax_only {
        // Only rules for make are named after it.
        return Ok(output);
    }
    let whole = |name: &Path| reading.directory.join(name);
    let is_source = files.is_same(&whole(Path::new(source)), &whole(&output));
    // gcc refuses to overwrite its source; that is for the compiler to say.
    if is_source
        || output.as_os_str() == "-"
        || files.is_not_regular(&reading.directory.join(&output))
    {
        return Err((Reason::OutputNotFile, output.to_string_lossy().into_owned()));
    }
    Ok(output)
}

/// Whether macros are expanded by the remote compiler: cheaper here, and its warnings then know
/// which code came from a macro.
fn expands_remotely(reading: &Reading<'_>, source: Source, settings: &Settings) -> bool {
    let blocked = match reading.family {
        // gcc's directives-only mode refuses -Wunused-macros and -traditional, and has the remote
        // clock in __DATE__. With -pedantic gcc 11 then blames predefined macros for the __int128
        // in libstdc++; in C neither gcc 11 nor gcc 12 says anything that it does not say otherwise.
        Family::Gcc => {
            reading.needs_full_text.is_some()
                || reading.unused_macros
                || settings.source_date_epoch
                || (reading.pedantic && source.language == Language::Cxx)
        }
        Family::Clang => reading.needs_full_text.is_some(),
    };
    // What the command line says of the time is in no text that could be looked through.
    let mut macros = reading.parts.iter();
    let names_clock = macros.any(|part| {
        let words = part.word.arguments.iter();
        let mut words = words.map(|word| ClockScan::default().feed(word.as_bytes()));
        part.sent != Sent::No && words.any(|found| found.is_some())
    });
    !blocked && !names_clock && settings.remote_cpp.unwrap_or(true)
}

/// What objects of this command hold that the text does not; all of it found by comparing
/// objects (tests/equality.rs).
fn lost_in_text(
    reading: &Reading<'_>,
    name: &OsStr,
    source: Source,
    includes_only: bool,
) -> Option<String> {
    let expanded_here = !includes_only && !source.preprocessed;
    match reading.family {
        // The .debug_macro of -g3: files and groups come out differently.
        Family::Gcc if reading.debug_level >= 3 => Some("-g3".to_owned()),
        // Line markers quote names, and debug information keeps the quoted form.
        Family::Gcc
            if reading.debug_level > 0
                && (is_quoted(reading.directory.as_os_str()) || is_quoted(name)) =>
        {
            Some("-g, with a quoted name".to_owned())
        }
        // Quotes source lines and lists options.
        Family::Gcc if reading.assembly && reading.verbose_assembly.is_some() => {
            reading.verbose_assembly.clone()
        }
        // clang miscounts lines behind a raw string of several lines.
        Family::Clang
            if expanded_here && reading.debug_level > 0 && source.language == Language::Cxx =>
        {
            Some("-g, with macros expanded here".to_owned())
        }
        // Bitcode has the name in it; with -S an empty file is left where the compiler runs.
        Family::Clang
            if reading.split_dwarf
                && (reading.lto.is_some() || reading.emit_llvm || reading.assembly) =>
        {
            Some("-gsplit-dwarf without an object".to_owned())
        }
        // clang names the unit after the first line marker, if only the file is called `.i`.
        Family::Clang if source.preprocessed && reading.debug_level > 0 => {
            Some("-g, of preprocessed text".to_owned())
        }
        _ if expanded_here => reading.columns.clone(),
        _ => None,
    }
}

/// Whether gcc writes a name into line markers in another form.
fn is_quoted(name: &OsStr) -> bool {
    let quoted = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n');
    name.as_bytes().iter().any(quoted)
}

/// The option that makes the compiler colour its messages although they pass through us.
fn colour(reading: &Reading<'_>, settings: &Settings) -> Option<&'static str> {
    if !settings.colour_terminal || reading.explicit_colour {
        return None;
    }
    match reading.family {
        Family::Clang => Some("-fcolor-diagnostics"),
        Family::Gcc if settings.colour_diagnostics.unwrap_or(settings.gcc_colors) => {
            Some("-fdiagnostics-color")
        }
        Family::Gcc => None,
    }
}

/// Whether a link would start as many compilers as there are processors.
fn links_in_parallel(reading: &Reading<'_>) -> bool {
    match (reading.family, reading.lto) {
        (_, None) => false,
        (Family::Gcc, Some(value)) => !matches!(value.as_encoded_bytes(), b"" | b"=1" | b"=none"),
        (Family::Clang, Some(_)) => true,
    }
}
