//! The programs, as they are installed: `target/floe/bin` and `target/floe/libexec/icecc/bin`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::step;

/// Names under which `floe` is icecream's programs.
const FLOE_NAMES: &[&str] = &[
    "iceccd",
    "icecc-scheduler",
    "icecc-create-env",
    "icecc-test-env",
];
/// Compilers that the wrapper stands in for when their directory comes first in `PATH`.
const COMPILERS: &[&str] = &["cc", "c++", "gcc", "g++", "clang", "clang++"];
const STATIC_TARGET: &str = "x86_64-unknown-linux-gnu";

pub(crate) fn run(profile: &str) -> Result<()> {
    let floe = step::timed(&format!("build floe ({profile})"), || match profile {
        "dev" => dev(),
        _ => {
            step::run(step::cargo().args([
                "build",
                "--quiet",
                "-p",
                "floe",
                "--profile",
                profile,
            ]))?;
            Ok(step::target()?.join(profile).join("floe"))
        }
    })?;
    step::timed("build the static wrapper", wrapper)?;
    install(&floe)
}

/// Builds `floe` for tests and says where it is. Its dependencies have the features that the
/// workspace's tests need, so that both share what is compiled.
pub(crate) fn dev() -> Result<PathBuf> {
    step::run(step::cargo().args(["build", "--quiet", "--workspace", "--bin=floe"]))?;
    Ok(step::target()?.join("debug/floe"))
}

/// Linked statically: a wrapper is started for each compile, and half of a small program's start
/// is the dynamic loader.
fn wrapper() -> Result<()> {
    step::run(
        step::cargo()
            .args(["build", "--quiet", "-p", "wrapper", "--profile", "wrapper"])
            .args(["--target", STATIC_TARGET])
            .env("RUSTFLAGS", "-C target-feature=+crt-static"),
    )
}

fn install(floe: &Path) -> Result<()> {
    let target = step::target()?;
    let bin = target.join("floe/bin");
    let links = target.join("floe/libexec/icecc/bin");
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(&links)?;
    put(floe, &bin.join("floe"))?;
    put(
        &target.join(STATIC_TARGET).join("wrapper/icecc"),
        &bin.join("icecc"),
    )?;
    for name in FLOE_NAMES {
        link("floe", &bin.join(name))?;
    }
    link("icecc", &bin.join("icerun"))?;
    for name in COMPILERS {
        link("../../../bin/icecc", &links.join(name))?;
    }
    println!("{}", bin.display());
    Ok(())
}

/// Replaces a program that may be running.
fn put(from: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("new");
    fs::copy(from, &part).with_context(|| format!("cannot copy {}", from.display()))?;
    fs::rename(&part, to)?;
    Ok(())
}

fn link(to: &str, at: &Path) -> Result<()> {
    let _ = fs::remove_file(at);
    symlink(to, at).with_context(|| format!("cannot link {}", at.display()))
}
