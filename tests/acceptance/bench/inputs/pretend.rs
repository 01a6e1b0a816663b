//! A compiler that notes what it is to compile and makes an empty object, so that a project's own build says all of
//! its commands, and makes all headers that it generates, without hours of compiling. Links fail then.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::replay::Noted;

/// `bench pretend FILE COMPILER…`
pub(crate) fn run(words: &[String]) -> Result<()> {
    let [file, command @ ..] = words else {
        bail!("pretend FILE COMPILER…")
    };
    let compiler = command.first().context("pretend FILE COMPILER…")?;
    let noted = Noted::here(command)?;
    let Some(output) = noted.can_be_repeated().then(|| output(command)).flatten() else {
        return Err(Command::new(compiler).args(&command[1..]).exec())
            .with_context(|| compiler.clone());
    };
    noted.append(Path::new(file))?;
    if let Some(directory) = output.parent() {
        fs::create_dir_all(directory)?;
    }
    for rules in rules(command) {
        // Makefiles read them, or move them about; Linux's wants a file in them.
        let source = command.iter().find(|word| Noted::is_source(word));
        let source = source.map_or("", |word| word);
        fs::write(rules, format!("{}: {source}\n", output.display()))?;
    }
    let status = Command::new(compiler)
        .args(["-c", "-x", "assembler", "/dev/null", "-o"])
        .arg(&output)
        .status()?;
    match status.success() {
        true => Ok(()),
        false => bail!("{compiler} cannot make an empty object"),
    }
}

/// The object, as named or as the source's name says.
fn output(command: &[String]) -> Option<PathBuf> {
    if let Some(at) = command.iter().position(|word| word == "-o") {
        return command.get(at + 1).map(PathBuf::from);
    }
    let source = command.iter().find(|word| Noted::is_source(word))?;
    let name = Path::new(source).file_stem()?;
    Some(Path::new(name).with_extension("o"))
}

/// Files of dependency rules that the command names.
fn rules(command: &[String]) -> Vec<&str> {
    let mut rules = Vec::new();
    let mut words = command.iter();
    while let Some(word) = words.next() {
        if word == "-MF" {
            rules.extend(words.next().map(String::as_str));
        } else if let Some(parts) = word.strip_prefix("-Wp,-M") {
            rules.extend(parts.split(',').nth(1));
        }
    }
    rules
}
