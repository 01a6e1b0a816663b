//! How compilers speak to the user's terminal: in colours, with links, and with source lines cut to its width. Told
//! the same, and given a terminal, one elsewhere says it alike, to the byte.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use invocation::Family;

use super::outline::Outline;

/// What gcc looks at when standard error is a terminal (gcc 10 to 15).
const VARIABLES: [&str; 5] = ["TERM", "COLORTERM", "GCC_COLORS", "GCC_URLS", "TERM_URLS"];
/// The width, before that of the terminal itself.
const COLUMNS: &str = "COLUMNS";
/// Terminals of which clang knows that they have colours: it looks into a description, a file, that executors do not
/// have, and is told by an option there.
const COLOURFUL: [&str; 5] = ["xterm", "screen", "tmux", "rxvt", "linux"];
/// Where the descriptions are (terminfo(5)); without one clang speaks without colours.
const DESCRIPTIONS: [&str; 3] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];

/// Whether a variable is for compilers at a terminal only.
pub(super) fn decides(name: &str) -> bool {
    name == COLUMNS || VARIABLES.contains(&name) && name != "GCC_COLORS"
}

/// `NAME=value` for a compiler at a terminal; `None` if it is at none, or looks at more than is told.
pub(super) fn manner(outline: &Outline, family: Family) -> Option<Vec<Vec<u8>>> {
    let environment = &outline.environment;
    if !outline.stderr_is_terminal
        || family == Family::Clang && !is_colourful(environment.get("TERM"))
    {
        return None;
    }
    let told = VARIABLES.iter().filter(|name| decides(name));
    let mut told: Vec<_> = told
        .filter_map(|name| Some(variable(name, environment.get(name)?.as_bytes())))
        .collect();
    let given = environment.get(COLUMNS).filter(|value| is_width(value));
    if let Some(given) = given {
        told.push(variable(COLUMNS, given.as_bytes()));
    } else if outline.columns > 0 && family == Family::Gcc {
        told.push(variable(COLUMNS, outline.columns.to_string().as_bytes()));
    }
    Some(told)
}

fn is_colourful(terminal: Option<&OsStr>) -> bool {
    let Some(terminal) = terminal.and_then(OsStr::to_str) else {
        return false;
    };
    let is_known = |known: &&str| terminal.starts_with(known);
    let is_described = |directory: &&str| {
        let initial = terminal.get(..1).unwrap_or_default();
        Path::new(directory).join(initial).join(terminal).is_file()
    };
    COLOURFUL.iter().any(is_known) && DESCRIPTIONS.iter().any(is_described)
}

fn variable(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b"=", value].concat()
}

/// Whether gcc's `atoi` finds a width there.
fn is_width(value: &OsStr) -> bool {
    let value = value.as_bytes().trim_ascii_start();
    let value = value.strip_prefix(b"+").unwrap_or(value);
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    digits.clone().count() < 10 && digits.copied().any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_what_c_reads_as_a_number_above_nothing() {
        for (value, is) in [
            ("80", true),
            (" +80x", true),
            ("0", false),
            ("-3", false),
            ("", false),
            ("x", false),
        ] {
            assert_eq!(is_width(OsStr::new(value)), is, "{value:?}");
        }
    }
}
