//! icecream's `arg_flags`: debug and optimisation level, from which its schedulers guess a job's size.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

const DEBUG: u32 = 0x1;
const DEBUG_3: u32 = 0x2;
const OPTIMISE_1: u32 = 0x4;
const OPTIMISE_2: u32 = 0x8;
const OPTIMISE_MORE: u32 = 0x10;

/// The mask for a command line; later options win.
pub(crate) fn weight(arguments: &[OsString]) -> u32 {
    let mut flags = 0;
    for argument in arguments {
        match argument.as_bytes() {
            [b'-', b'g', b'3', ..] => flags = flags & !DEBUG | DEBUG_3,
            [b'-', b'g', ..] => flags = flags & !DEBUG_3 | DEBUG,
            [b'-', b'O', level @ ..] => {
                flags &= !(OPTIMISE_1 | OPTIMISE_2 | OPTIMISE_MORE);
                flags |= match level.first() {
                    None | Some(b'1') => OPTIMISE_1,
                    Some(b'2') => OPTIMISE_2,
                    Some(b'0') => 0,
                    Some(_) => OPTIMISE_MORE,
                };
            }
            _ => {}
        }
    }
    flags
}

/// The debug level after a `-g…` option, given the level before it: a bare `-g` or `-ggdb` never
/// lowers a level, a digit sets it.
pub(crate) fn debug_level(before: u8, option: &[u8]) -> u8 {
    let versioned = option.starts_with(b"-gdwarf");
    match option.last() {
        Some(digit @ b'0'..=b'9') if !versioned => digit - b'0',
        _ if option == b"-gmlt" || option.starts_with(b"-gline-") => 1,
        _ => before.max(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_seen_on_the_wire() {
        let weight = |line: &str| {
            weight(
                &line
                    .split_whitespace()
                    .map(OsString::from)
                    .collect::<Vec<_>>(),
            )
        };
        for (line, flags) in [
            ("-O2 -g", 9),
            ("-O3", 16),
            ("-g3 -O1", 6),
            ("", 0),
            ("-O", 4),
            ("-O2 -O0", 0),
            ("-Os", 16),
            ("-Ofast", 16),
            ("-g3 -g", 1),
            ("-gsplit-dwarf", 1),
            ("-g -g3", 2),
            ("-O3 -O2", 8),
        ] {
            assert_eq!(weight(line), flags, "{line}");
        }
    }

    #[test]
    fn debug_levels_follow_gcc() {
        let level = |line: &str| {
            line.split(' ')
                .fold(0, |level, option| debug_level(level, option.as_bytes()))
        };
        for (line, expected) in [
            ("-g", 2),
            ("-g3 -g", 3),
            ("-g3 -g1", 1),
            ("-g0", 0),
            ("-g3 -ggdb", 3),
            ("-ggdb3", 3),
            ("-gdwarf-4", 2),
            ("-g -g0", 0),
        ] {
            assert_eq!(level(line), expected, "{line}");
        }
    }
}
