//! The counter in `_ICECC_SAFEGUARD` that ends a wrapper calling itself: compilers are started
//! with two more, other commands with one more, so that icerun around a compile is allowed.
//!
//! A compiler that calls the wrapper is no mistake yet: `c99-gcc` is a script that calls `gcc`, and
//! finds our link if links come first in PATH. Such a call asks nobody and becomes the compiler;
//! icecream refuses it. Only one that comes back again and again is refused.

use std::env;
use std::ffi::OsStr;

use job::variable;

use crate::name::{Names, names};

/// From this depth on a wrapper is inside a compiler, which was counted already: it only makes way.
pub(crate) const INSIDE: u32 = 2;

/// The depth at which a wrapper refuses to go on: scripts around scripts do not nest ten deep.
pub(crate) const ENDLESS: u32 = 20;

/// How deep this wrapper is. What is no number counts as one.
pub(crate) fn depth() -> u32 {
    env::var_os(variable::SAFEGUARD).map_or(0, |value| parse(&value))
}

/// What a child that is called `name` gets.
pub(crate) fn below(depth: u32, name: &OsStr, never_distribute: bool) -> u32 {
    let is_compiler = names(name) != Names::SomethingElse && !never_distribute;
    depth.saturating_add(if is_compiler { 2 } else { 1 })
}

fn parse(value: &OsStr) -> u32 {
    value
        .to_str()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icerun_around_a_compile_is_outside_and_a_compile_in_a_compile_is_inside() {
        let gcc = OsStr::new("gcc");
        let in_icerun = below(0, OsStr::new("make"), true);
        assert!(in_icerun < INSIDE);
        assert!(below(0, gcc, true) < INSIDE);
        assert!(below(0, gcc, false) >= INSIDE);
        assert!(below(in_icerun, gcc, false) >= INSIDE);
        assert_eq!(parse(OsStr::new("nonsense")), 1);
        assert_eq!(parse(OsStr::new("3")), 3);
    }
}
