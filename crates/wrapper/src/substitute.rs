//! ICECC_CC and ICECC_CXX: another compiler in place of the one called, by the job's language.

use std::env;
use std::ffi::OsString;

use job::{JobRecord, variable};

use crate::mode::Wrapped;
use crate::name::{Names, names};

/// The compiler that the user wants instead, if any.
pub(crate) fn compiler(wrapped: &Wrapped) -> Option<OsString> {
    let called = names(&wrapped.name);
    if called == Names::SomethingElse || wrapped.never_distribute {
        return None;
    }
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let (c, cxx) = (set(variable::ICECC_CC), set(variable::ICECC_CXX));
    if c.is_none() && cxx.is_none() {
        return None;
    }
    match language(called, &wrapped.arguments) {
        Names::C => c,
        Names::Cxx => cxx,
        Names::SomethingElse => None,
    }
}

/// The language by the source's extension where that tells one, else by the compiler's name.
/// Objective-C has no substitute.
fn language(called: Names, arguments: &[OsString]) -> Names {
    match JobRecord::source_word(arguments).and_then(|source| source.extension()?.to_str()) {
        Some("cc" | "cpp" | "cxx" | "cp" | "c++" | "C" | "ii") => Names::Cxx,
        Some("m" | "mi" | "mm" | "mii" | "M") => Names::SomethingElse,
        _ => called,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_overrides_the_name() {
        let language = |called, words: &[&str]| {
            language(
                called,
                &words.iter().map(OsString::from).collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            language(Names::C, &["-c", "a.cpp", "-o", "a.o"]),
            Names::Cxx
        );
        assert_eq!(language(Names::Cxx, &["-c", "a.c"]), Names::Cxx);
        assert_eq!(language(Names::C, &["-c", "a.c"]), Names::C);
        assert_eq!(language(Names::C, &["a.o"]), Names::C);
        assert_eq!(language(Names::C, &["-c", "a.mm"]), Names::SomethingElse);
        assert_eq!(language(Names::C, &[]), Names::C);
    }
}
