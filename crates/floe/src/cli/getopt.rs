//! Service lines written for icecream's daemon and scheduler, which read theirs with `getopt_long` and
//! `atoi`: stray words mean nothing, and a number is what stands at a word's beginning. What
//! [`super::values`] would refuse is brought to something near that works; what iceccd 1.4 itself refuses
//! (an empty name, measured) stays an error.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, OsStringValueParser, TypedValueParser as _};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error};

const STRAY: &str = "stray_words";

/// icecream's own, for a limit in which nothing would fit.
const LEAST_CACHE: u64 = 256;

/// The options of the line, and what of it meant something else than it says.
pub(super) fn read<O: Args>(
    name: &'static str,
    arguments: &[OsString],
) -> Result<(O, Vec<String>), Error> {
    let stray = Arg::new(STRAY)
        .hide(true)
        .action(ArgAction::Append)
        .value_parser(clap::value_parser!(OsString));
    let command = super::config_file::with_values(O::augment_args(Command::new(name)))
        .version(env!("CARGO_PKG_VERSION"))
        .mut_args(|arg| match arg.get_id().as_str() {
            "max_processes" => arg.value_parser(word().map(|text| slots(&text))),
            "nice" => arg.value_parser(word().map(|text| niceness(&text))),
            "cache_limit" => arg.value_parser(word().map(|text| cache_limit(&text))),
            "netname" | "node_name" => arg.value_parser(word().try_map(|text| shown_name(&text))),
            "base_dir" => arg.value_parser(OsStringValueParser::new().map(PathBuf::from)),
            "log_file" => arg.value_parser(clap::value_parser!(PathBuf)),
            _ => arg,
        })
        .arg(stray);
    let matches = command.try_get_matches_from(arguments)?;
    Ok((O::from_arg_matches(&matches)?, odd(&matches)))
}

fn word() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

/// What `atoi` reads.
fn number(text: &str) -> i64 {
    let text = text.trim_start().trim_start_matches('+');
    let digits = text.strip_prefix('-').unwrap_or(text);
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let number = &text[..text.len() - digits.len() + count];
    // No number at all is 0, and one beyond 64 bits as good as the largest.
    let beyond = if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    match count {
        0 => 0,
        _ => number.parse().unwrap_or(beyond),
    }
}

/// Negative is one on each processor.
fn slots(text: &str) -> i32 {
    i32::try_from(number(text)).unwrap_or(-1)
}

fn niceness(text: &str) -> i32 {
    let most = i64::from(super::values::NICEST);
    i32::try_from(number(text).clamp(0, most)).unwrap_or_default()
}

fn cache_limit(text: &str) -> u64 {
    let given = u64::try_from(number(text)).ok();
    given.filter(|limit| *limit > 0).unwrap_or(LEAST_CACHE)
}

/// One line of it.
fn shown_name(text: &str) -> Result<String, String> {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    super::values::name(&text)
}

/// An option, and what is made of a word behind it.
type Reading = (&'static str, fn(&str) -> String);

/// One phrase for each word that was not taken as it stands.
fn odd(matches: &ArgMatches) -> Vec<String> {
    let given = |id: &str| match matches.try_get_raw(id) {
        Ok(Some(raw)) => raw
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        _ => Vec::new(),
    };
    let stray = given(STRAY).into_iter();
    let mut phrases: Vec<_> = stray.map(|word| format!("{word:?} is ignored")).collect();
    let readings: [Reading; 5] = [
        ("max_processes", |word| slots(word).to_string()),
        ("nice", |word| niceness(word).to_string()),
        ("cache_limit", |word| cache_limit(word).to_string()),
        ("netname", |word| shown_name(word).unwrap_or_default()),
        ("node_name", |word| shown_name(word).unwrap_or_default()),
    ];
    for (id, reading) in readings {
        for word in given(id) {
            let read = reading(&word);
            if read != word {
                phrases.push(format!("{word:?} is read as {read}"));
            }
        }
    }
    for word in given("base_dir") {
        match std::path::absolute(&word) {
            Err(_) => phrases.push(format!("-b {word:?} is ignored")),
            Ok(path) if !std::path::Path::new(&word).is_absolute() => {
                phrases.push(format!("{word:?} is read as {}", path.display()));
            }
            Ok(_) => {}
        }
    }
    phrases
}

#[cfg(test)]
mod tests {
    use super::super::options::{DaemonOptions, SchedulerOptions};
    use super::*;

    fn daemon(line: &str) -> Result<(DaemonOptions, Vec<String>), Error> {
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        read("iceccd", &words)
    }

    fn scheduler(line: &str) -> Result<(SchedulerOptions, Vec<String>), Error> {
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        read("icecc-scheduler", &words)
    }

    #[test]
    fn the_last_of_an_option_counts() {
        let (options, odd) = daemon("iceccd -m 2 -s a -vv -d -m 3 -s b -v -d").unwrap();
        assert_eq!(options.max_processes, Some(3));
        assert_eq!(options.scheduler.as_deref(), Some("b"));
        assert_eq!(options.service.verbose, 3);
        assert!(odd.is_empty());
        let (options, _) = scheduler("icecc-scheduler -n a -n b").unwrap();
        assert_eq!(options.netname, "b");
    }

    #[test]
    fn beginnings_of_icecreams_long_options_are_enough() {
        for line in ["--max=3", "--max-proc 3", "--m 3", "--ma=3"] {
            let (options, _) = daemon(&format!("iceccd {line}")).unwrap();
            assert_eq!(options.max_processes, Some(3), "{line}");
        }
        let (options, _) = daemon("iceccd --netn foo --no --i eth9 --cache 7 --log f").unwrap();
        assert_eq!(options.netname.as_deref(), Some("foo"));
        assert!(options.no_remote);
        assert_eq!(options.service.interface.as_deref(), Some("eth9"));
        assert_eq!(options.cache_limit, 7);
        let (options, _) = scheduler("icecc-scheduler --netn=x --persist").unwrap();
        assert_eq!(options.netname, "x");
        assert!(options.persistent);
    }

    #[test]
    fn stray_words_and_odd_numbers_are_named_and_change_nothing() {
        let (options, odd) = daemon("iceccd one -m abc two --nice 3x --cache-limit 9MB").unwrap();
        assert_eq!(options.max_processes, Some(0));
        assert_eq!((options.nice, options.cache_limit), (3, 9));
        assert_eq!(
            odd,
            [
                "\"one\" is ignored",
                "\"two\" is ignored",
                "\"abc\" is read as 0",
                "\"3x\" is read as 3",
                "\"9MB\" is read as 9"
            ]
        );
        let (_, odd) = scheduler("icecc-scheduler word").unwrap();
        assert_eq!(odd, ["\"word\" is ignored"]);
        let (options, odd) = daemon("iceccd -m -1 --nice 7 --cache-limit 3000").unwrap();
        assert_eq!((options.max_processes, options.nice), (Some(-1), 7));
        assert!(odd.is_empty(), "{odd:?}");
    }

    #[test]
    fn what_works_for_icecream_is_brought_to_what_works() {
        let (options, odd) = daemon("iceccd --nice 100 --cache-limit 0 -b envs").unwrap();
        assert_eq!((options.nice, options.cache_limit), (19, 256));
        let here = std::env::current_dir().unwrap();
        assert_eq!(
            odd,
            [
                "\"100\" is read as 19".to_owned(),
                "\"0\" is read as 256".to_owned(),
                format!("\"envs\" is read as {}", here.join("envs").display())
            ]
        );
        let (options, odd) = daemon("iceccd --nice -5 --cache-limit=-1 -n a\nb -b ").unwrap();
        assert_eq!((options.nice, options.cache_limit), (0, 256));
        assert_eq!(options.netname.as_deref(), Some("ab"));
        assert_eq!(odd.len(), 4, "{odd:?}");
        // iceccd ends with its usage as well.
        for line in ["iceccd -n ", "iceccd -N ", "iceccd -u ", "iceccd --nice "] {
            assert!(daemon(line).is_err(), "{line}");
        }
    }

    #[test]
    fn unknown_options_stay_errors() {
        assert!(daemon("iceccd --frobnicate").is_err());
        assert!(daemon("iceccd -Z").is_err());
        assert!(daemon("iceccd -p abc").is_err());
        assert!(daemon("iceccd -m").is_err());
    }

    #[test]
    fn under_floes_own_names_they_stay_errors() {
        use clap::Parser as _;
        let floe = |line: &str| super::super::options::Floe::try_parse_from(line.split(' '));
        assert!(floe("floe daemon -m 2 -m 3 --netn x").is_ok());
        assert!(floe("floe daemon word").is_err());
        assert!(floe("floe daemon -m abc").is_err());
        assert!(floe("floe scheduler word").is_err());
        assert!(floe("floe daemon --hand-back-after 600").is_ok());
        assert!(floe("floe daemon --hand-back-after 601").is_err());
    }
}
