//! The compilers, and how each is made ready in a directory of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{prefix, scripts};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&Path) -> Result<Compiler>,
    /// Compiled here on purpose: part of what the record must say.
    pub(crate) stays: Option<&'static str>,
}

/// Program and options, for each language that the compiler has.
pub(crate) struct Compiler {
    pub(crate) c: Option<Vec<OsString>>,
    pub(crate) cxx: Option<Vec<OsString>>,
}

impl Compiler {
    pub(crate) fn new(c: Option<&Path>, cxx: Option<&Path>) -> Self {
        let words = |path: &Path| vec![path.as_os_str().to_owned()];
        Self {
            c: c.map(words),
            cxx: cxx.map(words),
        }
    }

    pub(crate) fn with(mut self, options: &[&str]) -> Self {
        for words in [&mut self.c, &mut self.cxx].into_iter().flatten() {
            words.extend(options.iter().map(OsString::from));
        }
        self
    }
}

/// A program that must be installed.
pub(crate) fn installed(path: &str) -> Result<PathBuf> {
    let found = PathBuf::from(path);
    if !found.exists() {
        bail!("{path} is not installed (`cargo xtask setup`)");
    }
    Ok(found)
}

fn pair(c: &str, cxx: &str) -> Result<Compiler> {
    Ok(Compiler::new(Some(&installed(c)?), Some(&installed(cxx)?)))
}

pub(crate) fn all() -> Vec<Case> {
    let case = |name, make| Case {
        name,
        make,
        stays: None,
    };
    vec![
        case("gcc 12", |_| pair("/usr/bin/gcc-12", "/usr/bin/g++-12")),
        case("gcc 11", |_| pair("/usr/bin/gcc-11", "/usr/bin/g++-11")),
        case("clang 14", |_| {
            pair("/usr/bin/clang-14", "/usr/bin/clang++-14")
        }),
        case("clang 16", |_| {
            pair("/usr/bin/clang-16", "/usr/bin/clang++-16")
        }),
        case("mingw gcc and g++", |_| {
            pair(
                "/usr/bin/x86_64-w64-mingw32-gcc",
                "/usr/bin/x86_64-w64-mingw32-g++",
            )
        }),
        case("mingw, only gcc", |place| prefix::mingw(place, true, false)),
        case("mingw, only g++", |place| prefix::mingw(place, false, true)),
        case("aarch64 gcc and g++", |_| {
            pair(
                "/usr/bin/aarch64-linux-gnu-gcc",
                "/usr/bin/aarch64-linux-gnu-g++",
            )
        }),
        case("riscv64 gcc", |_| {
            Ok(Compiler::new(
                Some(&installed("/usr/bin/riscv64-linux-gnu-gcc")?),
                None,
            ))
        }),
        case("musl-gcc (script with -specs)", |_| {
            Ok(Compiler::new(Some(&installed("/usr/bin/musl-gcc")?), None))
        }),
        case("clang with its libraries by $ORIGIN", prefix::clang),
        case("gcc in a path with blanks and umlauts", prefix::gcc),
        case("script around gcc", scripts::plain),
        case("script in the style of Nix", scripts::nix),
        case("ccache link", |_| {
            pair("/usr/lib/ccache/gcc", "/usr/lib/ccache/g++")
        }),
        case("gcc with a plugin", scripts::plugin),
        case("gcc with -B and another assembler", scripts::assembler),
        case("clang with -B, --sysroot, toolchain", |_| {
            let options = ["--gcc-toolchain=/usr", "-B/usr/bin", "--sysroot=/"];
            Ok(pair("/usr/bin/clang-14", "/usr/bin/clang++-14")?.with(&options))
        }),
        Case {
            stays: Some(scripts::ZIG_STAYS),
            ..case("zig cc (PyPI ziglang)", scripts::zig)
        },
    ]
}
