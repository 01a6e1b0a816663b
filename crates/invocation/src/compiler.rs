//! Which compiler a name means.
//!
//! Narrower than icecream, which takes every name that contains `gcc` or `clang` and so treats
//! `gcc-ar` and `clang-tidy` as compilers.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::plan::Family;

/// What a compiler's name says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Compiler {
    pub family: Family,
    /// It takes `.c` files for C++.
    pub cxx: bool,
}

/// Thread models that MinGW's compilers carry behind their version.
const FLAVOURS: [&str; 3] = ["-posix", "-win32", "-mcf"];

/// Recognises `gcc`, `g++`, `cc`, `c++`, `clang` and `clang++`, with a target in front, a version
/// behind, or both; directories are ignored. A `cc` is taken for gcc: whoever knows better (the
/// caller can follow links) calls with the better name.
pub fn compiler_of(name: &OsStr) -> Option<Compiler> {
    let base = name.as_bytes().rsplit(|&byte| byte == b'/').next()?;
    let base = std::str::from_utf8(base).ok()?;
    let base = base.strip_suffix(".exe").unwrap_or(base);
    let base = FLAVOURS
        .iter()
        .find_map(|flavour| base.strip_suffix(flavour))
        .unwrap_or(base);
    let tool = base.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let tool = if tool.len() < base.len() {
        tool.strip_suffix('-').unwrap_or(tool)
    } else {
        tool
    };
    if base == "cc1" {
        return None;
    }
    let (target, tool) = match tool.rsplit_once('-') {
        Some((target, tool)) => (Some(target), tool),
        None => (None, tool),
    };
    let (family, cxx) = match tool {
        "gcc" => (Family::Gcc, false),
        "g++" => (Family::Gcc, true),
        "clang" => (Family::Clang, false),
        "clang++" => (Family::Clang, true),
        // `mpi-cc` and its like are other people's wrappers; a target has two parts or more.
        "cc" | "c++" if target.is_none_or(|target| target.contains('-')) => {
            (Family::Gcc, tool == "c++")
        }
        _ => return None,
    };
    (target != Some("")).then_some(Compiler { family, cxx })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_are_known_with_targets_and_versions() {
        use Family::{Clang, Gcc};
        let known: &[(&str, Family, bool)] = &[
            ("gcc", Gcc, false),
            ("g++", Gcc, true),
            ("cc", Gcc, false),
            ("c++", Gcc, true),
            ("clang", Clang, false),
            ("clang++", Clang, true),
            ("/usr/bin/gcc-12", Gcc, false),
            ("./g++-12.2", Gcc, true),
            ("clang-14", Clang, false),
            ("clang++-14", Clang, true),
            ("clang14", Clang, false),
            ("clang++14", Clang, true),
            ("x86_64-w64-mingw32-g++", Gcc, true),
            ("x86_64-w64-mingw32-gcc-12-posix", Gcc, false),
            ("x86_64-w64-mingw32-g++-win32", Gcc, true),
            ("arm-linux-gcc-12", Gcc, false),
            ("arm-none-eabi-c++", Gcc, true),
            ("aarch64-linux-gnu-cc", Gcc, false),
            ("x86_64-w64-mingw32-clang++", Clang, true),
            ("c99-gcc", Gcc, false),
            ("musl-gcc", Gcc, false),
            ("gcc.exe", Gcc, false),
        ];
        for &(name, family, cxx) in known {
            assert_eq!(
                compiler_of(OsStr::new(name)),
                Some(Compiler { family, cxx }),
                "{name}"
            );
        }
    }

    #[test]
    fn other_tools_are_not_compilers() {
        for name in [
            "gcc-ar",
            "gcc-nm",
            "gcc-ranlib",
            "gcc-ar-12",
            "x86_64-linux-gnu-gcc-nm-12",
            "gcov",
            "gcov-12",
            "clang-tidy",
            "clang-format-14",
            "clang-cpp-14",
            "clang-cl",
            "clangd",
            "clang-scan-deps",
            "cpp",
            "tcc",
            "icc",
            "nvcc",
            "gfortran",
            "moc",
            "sh",
            "ld",
            "as",
            "mpi-cc",
            "ccache",
            "",
            "/",
            "-gcc",
            "12",
            "g++.sh",
            "gcc/x",
            "cc1",
            "cc1plus",
        ] {
            assert_eq!(compiler_of(OsStr::new(name)), None, "{name}");
        }
    }
}
