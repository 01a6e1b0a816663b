//! Service lines written for icecream's daemon and scheduler, which read theirs with `getopt_long` and
//! `atoi`: stray words mean nothing, and a number is what stands at a word's beginning.

use std::ffi::OsString;
use std::str::FromStr;

use clap::builder::NonEmptyStringValueParser;
use clap::builder::TypedValueParser as _;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error};

const STRAY: &str = "stray_words";

/// Where icecream takes any word for a number; at ports it refuses 0 as floe does.
const NUMBERS: [&str; 3] = ["max_processes", "nice", "cache_limit"];

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
            "max_processes" | "nice" => arg.value_parser(number::<i32>()),
            "cache_limit" => arg.value_parser(number::<u64>()),
            _ => arg,
        })
        .arg(stray);
    let matches = command.try_get_matches_from(arguments)?;
    Ok((O::from_arg_matches(&matches)?, odd(&matches)))
}

fn number<N>() -> impl clap::builder::TypedValueParser<Value = N>
where
    N: FromStr + Default + Clone + Send + Sync + 'static,
{
    NonEmptyStringValueParser::new().map(|text| leading(&text).parse().unwrap_or_default())
}

/// What `atoi` reads.
fn leading(text: &str) -> &str {
    let text = text.trim_start().trim_start_matches('+');
    let digits = text.strip_prefix('-').unwrap_or(text);
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    &text[..text.len() - digits.len() + count]
}

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
    for word in NUMBERS.iter().flat_map(|id| given(id)) {
        let digits = leading(&word);
        if digits != word {
            let read = if digits.is_empty() { "0" } else { digits };
            phrases.push(format!("{word:?} is read as {read}"));
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
        let (options, _) = daemon("iceccd -m -1 --nice -5").unwrap();
        assert_eq!((options.max_processes, options.nice), (Some(-1), -5));
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
