//! The counter in `_ICECC_SAFEGUARD` that ends a wrapper calling itself: compilers are started
//! with two more, other commands with one more, so that icerun around a compile is allowed.

use std::env;
use std::ffi::OsStr;

use job::variable;

use crate::name::{Names, names};

/// The depth at which a wrapper refuses to go on.
pub(crate) const TOO_DEEP: u32 = 2;

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
    fn icerun_around_a_compile_is_allowed_and_a_compile_in_a_compile_is_not() {
        let gcc = OsStr::new("gcc");
        let in_icerun = below(0, OsStr::new("make"), true);
        assert!(in_icerun < TOO_DEEP);
        assert!(below(0, gcc, true) < TOO_DEEP);
        assert!(below(0, gcc, false) >= TOO_DEEP);
        assert!(below(in_icerun, gcc, false) >= TOO_DEEP);
        assert_eq!(parse(OsStr::new("nonsense")), 1);
        assert_eq!(parse(OsStr::new("3")), 3);
    }
}
