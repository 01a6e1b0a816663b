//! What may stand behind an option. A value that would mean nothing is refused here, when the line
//! or the configuration file is read: clap names the option and the value, these words add the cause and
//! the next step. icecream's own names take more ([`super::getopt`]).

use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use membership::Address;

/// What nice(2) knows, without the half that only root may use.
pub(crate) const NICEST: i32 = 19;
/// No host has as many processors; a slot more is one more in each message about them.
const MOST_SLOTS: i32 = 10_000;
/// As much as a scheduler keeps of a name.
const LONGEST_NAME: usize = 255;
/// 16 EiB, beyond which bytes are no 64-bit number.
const LARGEST_CACHE: u64 = u64::MAX >> 20;

/// A name of a net, a host, an account or an interface.
pub(super) fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a name has letters; give one, or leave the option out".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err(
            "a name is one line without control characters; write it without them".to_owned(),
        );
    }
    if text.chars().count() > LONGEST_NAME {
        return Err(format!(
            "a name has at most {LONGEST_NAME} characters; shorten it"
        ));
    }
    Ok(text.to_owned())
}

/// A scheduler, in the forms of [`daemon::Find`].
pub(super) fn scheduler(text: &str) -> Result<String, String> {
    name(text)?;
    daemon::Find::parse(text).map_err(|why| format!("{why}; write HOST, HOST:PORT or :PORT"))?;
    Ok(text.to_owned())
}

pub(super) fn niceness(text: &str) -> Result<i32, String> {
    let level = text
        .parse()
        .ok()
        .filter(|level| (0..=NICEST).contains(level));
    level.ok_or_else(|| {
        format!("niceness goes from 0, like the owner's own work, to {NICEST}; choose one of these")
    })
}

pub(super) fn slots(text: &str) -> Result<i32, String> {
    let slots = text
        .parse()
        .ok()
        .filter(|slots| (0..=MOST_SLOTS).contains(slots));
    slots.ok_or_else(|| {
        format!("slots are 0 to {MOST_SLOTS}; leave the option out for one on each processor")
    })
}

/// In MB.
pub(super) fn cache_limit(text: &str) -> Result<u64, String> {
    let limit = text
        .parse()
        .map_err(|_| "it is a number of megabytes, such as 1024".to_owned())?;
    match limit {
        0 => Err(
            "no toolchain fits into nothing, so no foreign job could run; give some megabytes, or --no-remote if that is meant"
                .to_owned(),
        ),
        LARGEST_CACHE.. => Err(format!("it is at most {} MB", LARGEST_CACHE - 1)),
        limit => Ok(limit),
    }
}

/// A file or directory. A shell may have expanded `~` already; nobody does so here.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|text| checked(&text, false))
}

/// A directory that means the same wherever the program was started.
pub(super) fn absolute() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|text| checked(&text, true))
}

fn checked(text: &OsStr, absolute: bool) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match text.as_bytes().first() {
        None => Err("a path has letters; give one, or leave the option out".to_owned()),
        Some(b'~') => Err(
            "~ is not expanded here; write the whole path of the home directory (or ./~ for a file of that name)"
                .to_owned(),
        ),
        Some(_) if absolute && !path.is_absolute() => Err(
            "it would be another one for each directory that the program is started in; write the whole path, from /"
                .to_owned(),
        ),
        Some(_) => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::options::Floe;

    fn refusal(words: &[&str]) -> String {
        let line = [&["floe"], words].concat();
        let error = Floe::try_parse_from(line).map(|_| ()).unwrap_err();
        error.to_string()
    }

    #[test]
    fn nonsense_is_refused_with_option_value_cause_and_next_step() {
        for (words, parts) in [
            (
                &["daemon", "--nice", "100"][..],
                &["--nice", "'100'", "from 0", "to 19", "choose"][..],
            ),
            (&["daemon", "--nice", "-1"], &["--nice", "'-1'"]),
            (&["daemon", "--nice", "x"], &["--nice", "'x'"]),
            (
                &["daemon", "--cache-limit", "0"],
                &["--cache-limit", "'0'", "no toolchain fits", "--no-remote"],
            ),
            (
                &["daemon", "--cache-limit", "18446744073709551615"],
                &["--cache-limit", "at most"],
            ),
            (&["daemon", "-m", "-1"], &["--max-processes", "'-1'"]),
            (
                &["daemon", "-m", "1000000"],
                &["--max-processes", "leave the option out"],
            ),
            (&["daemon", "-n", ""], &["--netname", "give one"]),
            (&["daemon", "-N", " "], &["--name", "give one"]),
            (&["daemon", "-N", "a\nb"], &["--name", "one line"]),
            (&["daemon", "-u", ""], &["--user-uid", "give one"]),
            (&["daemon", "-i", "\t"], &["--interface", "give one"]),
            (&["scheduler", "-n", "a\rb"], &["--netname", "one line"]),
            (
                &["daemon", "-s", "box:0"],
                &["--scheduler-host", "'box:0'", "1 to 65535", "HOST:PORT"],
            ),
            (
                &["daemon", "-b", "envs"],
                &["--env-basedir", "'envs'", "whole path"],
            ),
            (
                &["daemon", "--env-basedir=~/envs"],
                &["--env-basedir", "'~/envs'", "not expanded", "whole path"],
            ),
            (
                &["daemon", "--log-file=~/log"],
                &["--log-file", "not expanded"],
            ),
            (&["daemon", "--config=~/c"], &["--config", "not expanded"]),
            (&["scheduler", "-l", ""], &["--log-file", "give one"]),
            (
                &["scheduler", "-a", "quickest"],
                &["--algorithm", "'quickest'"],
            ),
        ] {
            let said = refusal(words);
            for part in parts {
                assert!(said.contains(part), "{words:?}: no {part:?} in {said}");
            }
        }
    }

    #[test]
    fn what_means_something_is_taken() {
        for line in [
            "daemon --nice 0 --nice 19 --cache-limit 1 -m 0 -n net -N box -u user -i eth0",
            "daemon -b /x/~y -l log --config ./~c -s :8767 -s ::1 -s box",
            "scheduler -n net -l /var/log/x -a Round_Robin",
        ] {
            let words = std::iter::once("floe").chain(line.split(' '));
            assert!(Floe::try_parse_from(words).is_ok(), "{line}");
        }
    }
}

/// Addresses to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) Vec<IpAddr>);

/// Where a service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advertise(pub(crate) Vec<Address>);

/// Of each.
const MOST_ADDRESSES: usize = 8;

pub(super) fn listen(text: &str) -> Result<Listen, String> {
    let read = |one: &str| {
        let bare = one.trim().trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>()
            .map_err(|_| format!("{one:?} is no address such as 10.0.0.1 or fd00::1"))
    };
    several(text, read).map(Listen)
}

pub(super) fn advertise(text: &str) -> Result<Advertise, String> {
    let read = |one: &str| {
        one.trim()
            .parse()
            .map_err(|error: membership::InvalidName| error.to_string())
    };
    several(text, read).map(Advertise)
}

fn several<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let all: Vec<T> = text.split(',').map(read).collect::<Result<_, _>>()?;
    if all.len() > MOST_ADDRESSES {
        return Err(format!(
            "{} addresses are more than {MOST_ADDRESSES}",
            all.len()
        ));
    }
    Ok(all)
}

#[cfg(test)]
mod address_tests {
    use super::*;

    #[test]
    fn addresses_stand_with_commas_between() {
        let both = listen("10.0.0.1, [fd00::1]").unwrap();
        assert_eq!(
            both.0,
            [
                "10.0.0.1".parse::<IpAddr>().unwrap(),
                "fd00::1".parse().unwrap()
            ]
        );
        let both = advertise("box:1,[fd00::1]:2").unwrap();
        assert_eq!(both.0.len(), 2);
        for bad in ["", "box", "10.0.0.1,", "10.0.0.1:80", "1,2"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
        for bad in ["", "box", "box:0", "box:1,"] {
            assert!(advertise(bad).is_err(), "{bad}");
        }
    }
}
