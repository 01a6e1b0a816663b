//! Which names are compilers' names (the same rule as icecream's: by the base name's letters).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    C,
    Cxx,
    SomethingElse,
}

pub(crate) fn names(program: &OsStr) -> Names {
    let base = Path::new(program).file_name().unwrap_or(program).as_bytes();
    let has = |part: &[u8]| base.windows(part.len()).any(|window| window == part);
    if has(b"g++") || has(b"clang++") || base == b"c++" {
        Names::Cxx
    } else if !has(b"++") && (has(b"gcc") || has(b"clang") || base == b"cc") {
        Names::C
    } else {
        Names::SomethingElse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_the_base_name_decide() {
        for (name, expected) in [
            ("gcc", Names::C),
            ("/opt/arm-linux-gcc-12", Names::C),
            ("clang-18", Names::C),
            ("cc", Names::C),
            ("g++", Names::Cxx),
            ("x86_64-linux-gnu-g++-12", Names::Cxx),
            ("clang++", Names::Cxx),
            ("c++", Names::Cxx),
            ("tcc", Names::SomethingElse),
            ("gcc/moc", Names::SomethingElse),
            ("make", Names::SomethingElse),
            ("", Names::SomethingElse),
        ] {
            assert_eq!(names(OsStr::new(name)), expected, "{name}");
        }
    }
}
