//! The configuration file of `floe daemon`: its long options as keys of a TOML table. What it says
//! stands in front of the command line, which therefore wins. Both this and the commented sample
//! are made from the definitions in [`super::options`].

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Args as _, Command};
use toml::de::{DeTable, DeValue};

use super::options::DaemonOptions;

const SYSTEM: &str = "/etc/floe/daemon.toml";
const OWN: &str = "floe/daemon.toml";
/// Options about this start of the program, not about the daemon.
const NOT_KEYS: [&str; 6] = [
    "config",
    "print-config",
    "daemonize",
    "pid-file",
    "help",
    "version",
];
/// A file that somebody else put there by mistake shall not fill the memory.
const LONGEST: u64 = 1 << 20;
/// Where an option belongs that has no heading of its own.
const GENERAL: &str = "General";

/// Why a configuration file is of no use. All are its writer's to mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(
        "configuration file {path} cannot be read: {cause}; mend that, or name another file with --config"
    )]
    Unreadable { path: String, cause: io::Error },
    #[error(
        "{place}: this is no TOML: {cause}; lines are `option = value`, see `floe daemon --print-config`"
    )]
    Syntax { place: String, cause: String },
    #[error("{place}: there is no option {key}{hint}; `floe daemon --print-config` lists all")]
    Unknown {
        place: String,
        key: String,
        hint: String,
    },
    #[error(
        "{place}: {key} = {given}: {cause}; correct that line, `floe daemon --print-config` shows what may stand there"
    )]
    Value {
        place: String,
        key: String,
        given: String,
        cause: String,
    },
}

/// The words that a file means, if there is one: the one named, else the first of the usual ones.
pub(crate) fn arguments(named: Option<&Path>) -> Result<Vec<OsString>, ConfigError> {
    match named {
        Some(path) => {
            let text = read(path).map_err(|cause| unreadable(path, cause))?;
            words(&path.display().to_string(), &text)
        }
        None => first_of(&usual()),
    }
}

/// The words of the first file that is there. Nobody named these: one that this user may not look
/// at is none of ours.
fn first_of(candidates: &[PathBuf]) -> Result<Vec<OsString>, ConfigError> {
    for path in candidates {
        let cause = match read(path) {
            Ok(text) => return words(&path.display().to_string(), &text),
            Err(cause) => cause,
        };
        match cause.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {}
            io::ErrorKind::PermissionDenied => {
                super::complain(format_args!("goes on without {}: {cause}", path.display()));
            }
            _ => return Err(unreadable(path, cause)),
        }
    }
    Ok(Vec::new())
}

fn unreadable(path: &Path, cause: io::Error) -> ConfigError {
    let path = path.display().to_string();
    ConfigError::Unreadable { path, cause }
}

/// The options of the file's words and the line's together: what a line counts, clap adds up.
pub(crate) fn line_wins(line: &DaemonOptions, mut both: DaemonOptions) -> DaemonOptions {
    if line.service.verbose > 0 {
        both.service.verbose = line.service.verbose;
    }
    both
}

/// A daemon of root's is the system's, whatever root has at home.
fn usual() -> Vec<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let own = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(home)
        .filter(|_| !sandbox::privileges::is_root());
    own.map(|base| base.join(OWN))
        .into_iter()
        .chain([PathBuf::from(SYSTEM)])
        .collect()
}

fn read(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    if file.take(LONGEST).read_to_string(&mut text)? as u64 == LONGEST {
        return Err(io::Error::other(format!(
            "it is longer than {LONGEST} bytes"
        )));
    }
    Ok(text)
}

/// `name` is the file's, for messages.
fn words(name: &str, text: &str) -> Result<Vec<OsString>, ConfigError> {
    let place = |at: usize| {
        let line = text.as_bytes()[..at.min(text.len())]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        format!("{name}:{}", line + 1)
    };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        place: place(error.span().map_or(0, |span| span.start)),
        cause: error.message().to_owned(),
    })?;
    let definition = definition();
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut words = Vec::new();
    for (key, value) in entries {
        let place = place(key.span().start);
        let key = key.get_ref().as_ref();
        let option = keys(&definition).find(|option| key_of(option) == Some(key));
        let option = option.ok_or_else(|| ConfigError::Unknown {
            place: place.clone(),
            key: key.to_owned(),
            hint: hint(&definition, key),
        })?;
        let given = text.get(value.span()).unwrap_or_default();
        let word = word(option, value.get_ref()).and_then(|word| {
            let program = [OsStr::new("floe daemon")];
            let line = program.into_iter().chain(word.as_deref());
            let tried = definition.clone().try_get_matches_from(line);
            tried.map(|_| word).map_err(|error| gist(&error))
        });
        words.extend(word.map_err(|cause| ConfigError::Value {
            place,
            key: key.to_owned(),
            given: given.lines().next().unwrap_or_default().to_owned(),
            cause,
        })?);
    }
    Ok(words)
}

/// What stands on a command line for `option = value`.
fn word(option: &Arg, value: &DeValue<'_>) -> Result<Option<OsString>, String> {
    let wants = || match option.get_value_names().and_then(<[_]>::first) {
        Some(name) if !is_flag(option) => format!("a value is wanted ({name})"),
        _ => "true or false is wanted".to_owned(),
    };
    let text = match value {
        DeValue::Boolean(on) if is_flag(option) => on.to_string(),
        _ if is_flag(option) => return Err(wants()),
        DeValue::String(text) if is_relative_path(option, text) => {
            return Err(
                "a file says nothing about the directory that the daemon is started in; write the whole path, from /"
                    .to_owned(),
            );
        }
        DeValue::String(text) => text.as_ref().to_owned(),
        // 0x10 comes as "10" and its radix.
        DeValue::Integer(number) if number.radix() != 10 => {
            return Err("a decimal number is wanted".to_owned());
        }
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        _ => return Err(wants()),
    };
    if matches!(option.get_action(), ArgAction::Count) {
        let count: usize = text
            .parse()
            .ok()
            .filter(|count| *count <= 9)
            .ok_or("0 to 9 is wanted")?;
        let letters: String = option.get_short().into_iter().cycle().take(count).collect();
        return Ok((count > 0).then(|| format!("-{letters}").into()));
    }
    let long = option.get_long().unwrap_or_default();
    Ok(Some(format!("--{long}={text}").into()))
}

fn is_relative_path(option: &Arg, text: &str) -> bool {
    let is_path = option.get_value_parser().type_id() == std::any::TypeId::of::<PathBuf>();
    is_path && !text.starts_with(['/', '~']) && !text.is_empty()
}

/// The first sentence of what the parser of command lines says.
fn gist(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let first = first.split_whitespace().collect::<Vec<_>>().join(" ");
    // The file's words name key and value already.
    match first.split_once(">': ") {
        Some((told, cause)) if told.starts_with("invalid value ") => cause.to_owned(),
        _ => first,
    }
}

fn hint(definition: &Command, key: &str) -> String {
    let plain = |text: &str| text.replace(['-', '_', ' '], "").to_lowercase();
    let near = keys(definition).filter_map(key_of).find(|known| {
        plain(known) == plain(key) || known.starts_with(key) || key.starts_with(known)
    });
    near.map(|near| format!("; {near} may be meant"))
        .unwrap_or_default()
}

/// The options of `floe daemon`.
fn definition() -> Command {
    with_values(DaemonOptions::augment_args(Command::new("floe daemon")))
}

/// Lets a flag be unset by a later word, `--flag=false`: the file may have set it.
pub(crate) fn with_values(command: Command) -> Command {
    command.mut_args(|arg| {
        let is_plain = arg.get_short().is_none() && arg.get_long().is_some_and(is_key);
        if !is_plain || !matches!(arg.get_action(), ArgAction::SetTrue) {
            return arg;
        }
        arg.action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .value_name("true|false")
            .hide_possible_values(true)
            .hide_default_value(true)
            .value_parser(clap::value_parser!(bool))
            .default_missing_value("true")
            .default_value("false")
    })
}

fn is_flag(option: &Arg) -> bool {
    option
        .get_value_names()
        .and_then(<[_]>::first)
        .map(clap::builder::Str::as_str)
        == Some("true|false")
}

fn is_key(long: &str) -> bool {
    !NOT_KEYS.contains(&long)
}

fn keys(definition: &Command) -> impl Iterator<Item = &Arg> {
    definition
        .get_arguments()
        .filter(|option| key_of(option).is_some())
}

/// Options without a long name have their field's.
fn key_of(option: &Arg) -> Option<&str> {
    let name = option.get_long().unwrap_or(option.get_id().as_str());
    is_key(name).then_some(name)
}

/// Every option with its meaning and its default, all commented out.
pub(crate) fn sample() -> String {
    let definition = definition();
    let mut text = format!(
        "# Configuration of `floe daemon` and `iceccd`. Each key is an option of the command line, which wins.\n\
         # It is read from --config FILE, else from $XDG_CONFIG_HOME/floe/daemon.toml (~/.config/floe/daemon.toml;\n\
         # not by root's daemon), else from {SYSTEM}. Written by `floe daemon --print-config`.\n"
    );
    let mut headings: Vec<&str> = Vec::new();
    for option in keys(&definition) {
        let heading = option.get_help_heading().unwrap_or(GENERAL);
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let _infallible = write!(text, "\n## {heading}\n");
        for option in keys(&definition) {
            if option.get_help_heading().unwrap_or(GENERAL) == heading {
                describe(&mut text, option);
            }
        }
    }
    text
}

fn describe(text: &mut String, option: &Arg) {
    let help = option
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let default = option.get_default_values().first();
    let default = default.and_then(|value| value.to_str()).unwrap_or_default();
    let names = option.get_value_names().and_then(<[_]>::first);
    let value = match (option.get_action(), default) {
        (ArgAction::Count, _) => "0".to_owned(),
        (_, "") => format!("{:?}", names.map_or("", clap::builder::Str::as_str)),
        (_, default) if default.parse::<f64>().is_ok() || is_flag(option) => default.to_owned(),
        (_, default) => format!("{default:?}"),
    };
    let key = key_of(option).unwrap_or_default();
    let _infallible = write!(text, "\n# {help}\n#{key} = {value}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(text: &str) -> Result<Vec<String>, String> {
        let words = words("f.toml", text).map_err(|error| error.to_string())?;
        Ok(words
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect())
    }

    #[test]
    fn keys_are_the_words_of_the_command_line() {
        let text = "# night only\nhours = \"22-6\"\nmax-load = 2.5\nnice = 7\nidle-only = true\nno-remote = false\nverbose = 2\nscheduler-host = \"box:8765\"\n";
        assert_eq!(
            read_as(text).unwrap(),
            [
                "--hours=22-6",
                "--max-load=2.5",
                "--nice=7",
                "--idle-only=true",
                "--no-remote=false",
                "-vv",
                "--scheduler-host=box:8765"
            ]
        );
        assert!(read_as("").unwrap().is_empty());
    }

    #[test]
    fn mistakes_are_named_with_file_line_and_key() {
        for (text, parts) in [
            (
                "nice = 1\nmax_load = 2\n",
                &["f.toml:2", "no option max_load", "max-load may be meant"][..],
            ),
            (
                "port = 0x2805\n",
                &["f.toml:1", "a decimal number is wanted"],
            ),
            (
                "frobnicate = 1\n",
                &[
                    "f.toml:1",
                    "no option frobnicate; `floe daemon --print-config` lists all",
                ],
            ),
            (
                "\n\nhours = \"7\"\n",
                &["f.toml:3", "hours = \"7\"", "FROM-TO"],
            ),
            (
                "max-load = true\n",
                &["f.toml:1", "max-load = true", "a value is wanted (LOAD)"],
            ),
            (
                "idle-only = \"yes\"\n",
                &["f.toml:1", "true or false is wanted"],
            ),
            ("port = 0\n", &["f.toml:1", "port = 0", "is not in"]),
            (
                "nice = 1\nnice = 2\n",
                &["f.toml:2", "no TOML", "duplicate"],
            ),
            ("[owner]\nnice = 1\n", &["f.toml:1", "no option owner"]),
            ("nice\n", &["f.toml:1", "no TOML"]),
            ("config = \"x\"\n", &["no option config"]),
            (
                "nice = 100\n",
                &["f.toml:1: nice = 100: niceness goes from 0", "choose"],
            ),
            (
                "\ncache-limit = 0\n",
                &[
                    "f.toml:2: cache-limit = 0: no toolchain fits",
                    "--no-remote",
                ],
            ),
            ("max-processes = -1\n", &["f.toml:1", "slots are 0 to"]),
            (
                "netname = \"\"\n",
                &["f.toml:1", "netname = \"\"", "a name has"],
            ),
            (
                "name = \"a\\nb\"\n",
                &["f.toml:1", "name = \"a\\nb\"", "one line"],
            ),
            ("name = \"\"\"\na\nb\"\"\"\n", &["f.toml:1", "one line"]),
            ("user-uid = \"\"\n", &["f.toml:1", "a name has"]),
            (
                "env-basedir = \"envs\"\n",
                &["f.toml:1: env-basedir = \"envs\"", "whole path"],
            ),
            ("env-basedir = \"\"\n", &["f.toml:1", "a path has"]),
            (
                "env-basedir = \"~/envs\"\n",
                &["f.toml:1: env-basedir = \"~/envs\"", "not expanded"],
            ),
            ("log-file = \"~/log\"\n", &["f.toml:1", "not expanded"]),
            ("log-file = \"log\"\n", &["f.toml:1", "whole path"]),
            (
                "scheduler-host = \"box:0\"\n",
                &["f.toml:1", "1 to 65535", "HOST:PORT"],
            ),
            ("memory = \"1K\"\n", &["f.toml:1", "memory is a number"]),
            ("verbose = 10\n", &["0 to 9"]),
        ] {
            let said = read_as(text).unwrap_err();
            for part in parts {
                assert!(said.contains(part), "{text:?}: no {part:?} in {said}");
            }
        }
    }

    #[test]
    fn the_sample_shows_every_option_and_its_defaults_may_be_set() {
        let sample = sample();
        let keys_shown: Vec<&str> = sample
            .lines()
            .filter(|line| {
                line.starts_with('#') && !line.starts_with("# ") && !line.starts_with("##")
            })
            .collect();
        assert_eq!(keys_shown.len(), keys(&definition()).count());
        for line in keys_shown {
            let line = line.trim_start_matches('#');
            assert!(DeTable::parse(line).is_ok(), "{line}");
            // What has no default shows what belongs there.
            if !line.ends_with('"') {
                read_as(line).unwrap();
            }
        }
        assert!(read_as(&sample).unwrap().is_empty());
    }

    #[test]
    fn an_odd_home_has_no_file() {
        let odd = PathBuf::from("/dev/null/.config/floe/daemon.toml");
        assert!(first_of(&[odd]).unwrap().is_empty());
        let unusable = first_of(&[PathBuf::from("/")]).unwrap_err();
        assert!(matches!(unusable, ConfigError::Unreadable { .. }));
    }

    #[test]
    fn a_line_that_says_verbose_is_not_added_to_the_file() {
        use clap::FromArgMatches as _;
        let options = |words: &[&str]| {
            let line = [&["floe daemon"], words].concat();
            let matches = definition().try_get_matches_from(line).unwrap();
            DaemonOptions::from_arg_matches(&matches).unwrap()
        };
        let verbose = |file: &[&str], line: &[&str]| {
            let both = options(&[file, line].concat());
            line_wins(&options(line), both).service.verbose
        };
        assert_eq!(verbose(&["-vv"], &["-v"]), 1);
        assert_eq!(verbose(&["-vv"], &[]), 2);
        assert_eq!(verbose(&[], &["-vvv"]), 3);
    }

    #[test]
    fn a_named_file_must_be_there() {
        let error = arguments(Some(Path::new("/no/such/file")))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/no/such/file") && error.contains("--config"),
            "{error}"
        );
    }
}
