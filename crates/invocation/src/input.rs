//! Sources: their language, as the compiler will see it, and the names that never travel.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use job::Reason;

use crate::compiler::Compiler;
use crate::plan::{Family, Language};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) language: Language,
    pub(crate) preprocessed: bool,
}

/// The language by `-x` if one is in force, else by the extension, as gcc 12 and clang 14 do it.
/// (icecream lets the extension win, and then compiles for the wrong language's environment.)
pub(crate) fn source(
    name: &OsStr,
    forced: Option<&OsStr>,
    compiler: Compiler,
) -> Result<Source, Reason> {
    let found = match forced {
        Some(forced) => by_name(forced.as_bytes())?,
        None => by_extension(name, compiler)?,
    };
    // gcc's Objective-C compilers are in no toolchain archive of icecream's layout.
    let objective = matches!(
        found.language,
        Language::ObjectiveC | Language::ObjectiveCxx
    );
    if objective && compiler.family == Family::Gcc {
        return Err(Reason::UnknownLanguage);
    }
    Ok(found)
}

fn by_name(forced: &[u8]) -> Result<Source, Reason> {
    use Language::{C, Cxx, ObjectiveC, ObjectiveCxx};
    let (language, preprocessed) = match forced {
        b"c" => (C, false),
        b"c++" => (Cxx, false),
        b"objective-c" => (ObjectiveC, false),
        b"objective-c++" => (ObjectiveCxx, false),
        b"cpp-output" => (C, true),
        b"c++-cpp-output" => (Cxx, true),
        b"objective-c-cpp-output" | b"objc-cpp-output" => (ObjectiveC, true),
        b"objective-c++-cpp-output" | b"objc++-cpp-output" => (ObjectiveCxx, true),
        b"assembler" | b"assembler-with-cpp" => return Err(Reason::Assembler),
        _ if forced.ends_with(b"header") || forced.ends_with(b"module") => {
            return Err(Reason::Modules);
        }
        _ => return Err(Reason::UnknownLanguage),
    };
    Ok(Source {
        language,
        preprocessed,
    })
}

fn by_extension(name: &OsStr, compiler: Compiler) -> Result<Source, Reason> {
    use Language::{C, Cxx, ObjectiveC, ObjectiveCxx};
    // The C++ drivers take C sources for C++.
    let c = if compiler.cxx { Cxx } else { C };
    let (language, preprocessed) = match extension(name) {
        Some(b"c") => (c, false),
        Some(b"i") => (c, true),
        Some(b"cc" | b"cp" | b"cpp" | b"cxx" | b"CPP" | b"c++" | b"C") => (Cxx, false),
        Some(b"CC" | b"C++" | b"CXX") if compiler.family == Family::Clang => (Cxx, false),
        Some(b"ii") => (Cxx, true),
        Some(b"m") => (ObjectiveC, false),
        Some(b"mi") => (ObjectiveC, true),
        Some(b"mm" | b"M") => (ObjectiveCxx, false),
        Some(b"mii") => (ObjectiveCxx, true),
        Some(b"s" | b"S" | b"sx") => return Err(Reason::Assembler),
        Some(
            b"h" | b"hh" | b"H" | b"hp" | b"hxx" | b"hpp" | b"HPP" | b"h++" | b"tcc" | b"pch"
            | b"pcm",
        ) => {
            return Err(Reason::Modules);
        }
        Some(b"cppm" | b"ccm" | b"cxxm" | b"c++m" | b"ixx" | b"mxx") => {
            return Err(Reason::Modules);
        }
        _ => return Err(Reason::UnknownLanguage),
    };
    Ok(Source {
        language,
        preprocessed,
    })
}

/// What follows the last dot of the base name.
fn extension(name: &OsStr) -> Option<&[u8]> {
    let base = base_name(name);
    base.iter()
        .rposition(|&byte| byte == b'.')
        .map(|dot| &base[dot + 1..])
}

pub(crate) fn base_name(name: &OsStr) -> &[u8] {
    name.as_bytes()
        .rsplit(|&byte| byte == b'/')
        .next()
        .unwrap_or_default()
}

/// Sources that configure scripts compile to learn about this host: they are tiny, come one
/// after the other, and their messages are compared.
const PROBES: [&str; 7] = [
    "conftest.",
    "tmp.conftest.",
    "CheckIncludeFile.",
    "CheckFunctionExists.",
    "CheckSymbolExists.",
    "CheckTypeSize.",
    "CheckPrototypeDefinition.",
];

pub(crate) fn is_probe(name: &OsStr) -> bool {
    PROBES
        .iter()
        .any(|probe| base_name(name).starts_with(probe.as_bytes()))
}

/// The name with the last extension of its base name replaced, or added when there is none:
/// how both compilers derive `x.d` and `x.dwo` from `x.o`.
pub(crate) fn with_extension(name: &Path, extension: &str) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = name.as_os_str().as_bytes();
    let base = bytes.len() - base_name(name.as_os_str()).len();
    let end = bytes[base..]
        .iter()
        .rposition(|&byte| byte == b'.')
        .map_or(bytes.len(), |dot| base + dot);
    let mut derived = bytes[..end].to_vec();
    derived.push(b'.');
    derived.extend(extension.as_bytes());
    std::ffi::OsString::from_vec(derived).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GCC: Compiler = Compiler {
        family: Family::Gcc,
        cxx: false,
    };
    const GXX: Compiler = Compiler {
        family: Family::Gcc,
        cxx: true,
    };
    const CLANG: Compiler = Compiler {
        family: Family::Clang,
        cxx: false,
    };

    fn of(
        name: &str,
        forced: Option<&str>,
        compiler: Compiler,
    ) -> Result<(Language, bool), Reason> {
        source(OsStr::new(name), forced.map(OsStr::new), compiler)
            .map(|source| (source.language, source.preprocessed))
    }

    #[test]
    fn extensions_name_languages_as_the_compilers_have_it() {
        use Language::{C, Cxx, ObjectiveC, ObjectiveCxx};
        for name in [
            "a.cc",
            "a.cpp",
            "a.cxx",
            "a.cp",
            "a.c++",
            "a.C",
            "x/y.z/a.CPP",
            "a.b.cc",
        ] {
            assert_eq!(of(name, None, GCC), Ok((Cxx, false)), "{name}");
        }
        assert_eq!(of("a.c", None, GCC), Ok((C, false)));
        assert_eq!(of("a.c", None, GXX), Ok((Cxx, false)));
        assert_eq!(of("a.i", None, GCC), Ok((C, true)));
        assert_eq!(of("a.i", None, GXX), Ok((Cxx, true)));
        assert_eq!(of("a.ii", None, GCC), Ok((Cxx, true)));
        assert_eq!(of("a.m", None, CLANG), Ok((ObjectiveC, false)));
        assert_eq!(of("a.mii", None, CLANG), Ok((ObjectiveCxx, true)));
        assert_eq!(of("a.m", None, GCC), Err(Reason::UnknownLanguage));
        for name in ["a.s", "a.S"] {
            assert_eq!(of(name, None, GCC), Err(Reason::Assembler), "{name}");
        }
        for name in ["a.h", "a.hpp", "a.cppm", "a.ixx"] {
            assert_eq!(of(name, None, GCC), Err(Reason::Modules), "{name}");
        }
        for name in [
            "a.f90", "a.for", "a.FPP", "a.adb", "a.ads", "a.r", "a.cu", "a.o", "./noext", "noext",
            "a.CC", "a.",
        ] {
            assert_eq!(of(name, None, GCC), Err(Reason::UnknownLanguage), "{name}");
        }
    }

    #[test]
    fn x_overrides_the_extension() {
        assert_eq!(of("a.cpp", Some("c"), GCC), Ok((Language::C, false)));
        assert_eq!(of("plain", Some("c++"), GCC), Ok((Language::Cxx, false)));
        assert_eq!(of("a.c", Some("cpp-output"), GCC), Ok((Language::C, true)));
        assert_eq!(
            of("a.c", Some("assembler-with-cpp"), GCC),
            Err(Reason::Assembler)
        );
        assert_eq!(of("a.c", Some("c++-header"), GCC), Err(Reason::Modules));
        assert_eq!(of("a.c", Some("cuda"), GCC), Err(Reason::UnknownLanguage));
    }

    #[test]
    fn derived_names_replace_the_last_extension_of_the_base_name() {
        for (name, expected) in [
            ("x.o", "x.d"),
            ("out/x.foo.o", "out/x.foo.d"),
            ("out.d/x", "out.d/x.d"),
            (".x", ".d"),
            ("out/.x.o", "out/.x.d"),
            ("x..o", "x..d"),
            ("x.", "x.d"),
            ("./out/../y.o", "./out/../y.d"),
        ] {
            assert_eq!(with_extension(Path::new(name), "d"), Path::new(expected));
        }
    }
}
