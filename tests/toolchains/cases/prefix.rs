//! Compilers unpacked in a place of their own. gcc and clang find their parts relative to where they
//! stand, so copies of the installed ones are such compilers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::compilers::{Compiler, installed};

/// What a driver prints for a question.
fn ask(driver: &Path, question: &str) -> Result<PathBuf> {
    let said = Command::new(driver).arg(question).output()?;
    Ok(PathBuf::from(
        String::from_utf8(said.stdout)?.trim().to_owned(),
    ))
}

/// Copies `file` to where it stands below `/usr`, below `prefix` instead.
fn copy(file: &Path, prefix: &Path) -> Result<PathBuf> {
    let clean = normal(file);
    let below = clean
        .strip_prefix("/usr")
        .with_context(|| format!("{} is not below /usr", clean.display()))?;
    let there = prefix.join(below);
    fs::create_dir_all(there.parent().unwrap_or(prefix))?;
    fs::copy(&clean, &there).with_context(|| clean.display().to_string())?;
    Ok(there)
}

/// Without `..`, by text.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// A gcc in the language parts that are wanted.
fn copied(names: [&str; 2], wanted: [bool; 2], prefix: &Path) -> Result<Compiler> {
    let mut found = [None, None];
    for index in 0..2 {
        if !wanted[index] {
            continue;
        }
        let driver = installed(names[index])?;
        let own = driver.canonicalize()?;
        let there = prefix
            .join("bin")
            .join(driver.file_name().context("a driver without a name")?);
        fs::create_dir_all(prefix.join("bin"))?;
        fs::copy(own, &there)?;
        copy(
            &ask(
                &driver,
                ["-print-prog-name=cc1", "-print-prog-name=cc1plus"][index],
            )?,
            prefix,
        )?;
        // Of a cross compiler; a native one takes what is in PATH.
        let assembler = ask(&driver, "-print-prog-name=as")?;
        if assembler.is_absolute() {
            copy(&assembler, prefix)?;
        }
        found[index] = Some(there);
    }
    Ok(Compiler::new(found[0].as_deref(), found[1].as_deref()))
}

/// Debian's mingw with the parts of one language: C++ icecream fails here.
pub(crate) fn mingw(place: &Path, c: bool, cxx: bool) -> Result<Compiler> {
    let names = [
        "/usr/bin/x86_64-w64-mingw32-gcc",
        "/usr/bin/x86_64-w64-mingw32-g++",
    ];
    copied(names, [c, cxx], &place.join("mingw"))
}

pub(crate) fn gcc(place: &Path) -> Result<Compiler> {
    let prefix = place.join("Mein Übersetzer (neu)");
    copied(
        ["/usr/bin/gcc-12", "/usr/bin/g++-12"],
        [true, true],
        &prefix,
    )
}

/// clang 16 with the libraries that it finds by `$ORIGIN/../lib`.
pub(crate) fn clang(place: &Path) -> Result<Compiler> {
    let home = Path::new("/usr/lib/llvm-16");
    installed("/usr/bin/clang-16")?;
    let prefix = place.join("llvm");
    let (bin, lib) = (prefix.join("bin"), prefix.join("lib"));
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(&lib)?;
    fs::copy(home.join("bin/clang"), bin.join("clang"))?;
    symlink("clang", bin.join("clang++"))?;
    for (name, from) in [
        (
            "libclang-cpp.so.16",
            "/usr/lib/x86_64-linux-gnu/libclang-cpp.so.16",
        ),
        (
            "libLLVM-16.so.1",
            "/usr/lib/x86_64-linux-gnu/libLLVM-16.so.1",
        ),
    ] {
        fs::copy(from, lib.join(name)).with_context(|| from.to_owned())?;
    }
    let said = Command::new(bin.join("clang")).arg("--version").output()?;
    ensure!(said.status.success(), "the copy does not run");
    Ok(Compiler::new(
        Some(&bin.join("clang")),
        Some(&bin.join("clang++")),
    ))
}
