//! Toolchains: packed by hand, compressed, broken.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use anyhow::{Context, Result, ensure};
use compliance::Case;
use compliance::bed::{Bed, COMMAND, ONE, succeeded};
use compliance::need::Need;

pub(crate) fn cases() -> Vec<Case> {
    let test_env = Need::Program("icecc-test-env", "icecc");
    let clang = Need::Program("clang", "clang");
    vec![
        Case::new("T01_gcc", "--build-native packs gcc", |bed| {
            packed(bed, "gcc").map(drop)
        })
        .needs(test_env),
        Case::new("T01_clang", "--build-native packs clang", |bed| {
            packed(bed, "clang").map(drop)
        })
        .needs(test_env)
        .needs(clang),
        Case::new(
            "T89",
            "--build-native packs what a link leads to",
            through_link,
        )
        .needs(test_env),
        Case::new(
            "T90",
            "--build-native packs what a script calls",
            through_script,
        )
        .needs(test_env),
        Case::new("T73", "a broken archive", broken),
        // xz would do as well, but takes more than a minute.
        Case::new("T74", "an archive compressed with zstd", |bed| {
            compressed(bed, "zstd")
        }),
    ]
}

/// Packs a compiler, tries the archive with the original's tool and tells its name.
fn packed(bed: &mut Bed, compiler: &str) -> Result<String> {
    let directory = bed.work()?.join("native");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory)?;
    let output = bed
        .client(&bed.programs.client)?
        .args(["--build-native", compiler])
        .dir(&directory)
        .run(COMMAND)?;
    succeeded(&output)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = said
        .lines()
        .find_map(|line| line.strip_prefix("creating "))
        .with_context(|| format!("no line says what is created:\n{said}"))?
        .trim()
        .to_owned();
    ensure!(name.contains(".tar"), "created {name}");
    // In a chroot of its own it runs true, the compilers and the assembler.
    let tried = bed
        .plain("icecc-test-env")?
        .arg("-q")
        .arg(directory.join(&name))
        .run(COMMAND)?;
    succeeded(&tried)?;
    Ok(name)
}

fn through_link(bed: &mut Bed) -> Result<()> {
    let expected = packed(bed, "gcc")?;
    let links = bed.work()?.join("links");
    let _ = fs::remove_dir_all(&links);
    fs::create_dir(&links)?;
    symlink("/usr/bin/gcc", links.join("gcc"))?;
    symlink("/usr/bin/g++", links.join("g++"))?;
    let name = packed(bed, &links.join("gcc").display().to_string())?;
    ensure!(name == expected, "{name}, but {expected} without the link");
    Ok(())
}

fn through_script(bed: &mut Bed) -> Result<()> {
    let expected = packed(bed, "gcc")?;
    let scripts = bed.work()?.join("scripts");
    let _ = fs::remove_dir_all(&scripts);
    fs::create_dir(&scripts)?;
    for name in ["gcc", "g++"] {
        let script = scripts.join(name);
        fs::write(&script, format!("#!/bin/sh\nexec /usr/bin/{name} \"$@\"\n"))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    let name = packed(bed, &scripts.join("gcc").display().to_string())?;
    ensure!(
        name == expected,
        "{name}, but {expected} without the script"
    );
    Ok(())
}

fn compile(bed: &mut Bed, variables: &[(&str, &str)]) -> Result<compliance::watch::Seen> {
    let object = bed.work()?.join("plain.o");
    let _ = fs::remove_file(&object);
    let launch = bed
        .wrapped(&["gcc", "-Wall", "-c", "plain.c", "-o", "plain.o"])?
        .env("ICECC_PREFERRED_HOST", ONE)
        .envs(variables.iter().copied());
    let (output, seen) = bed.observe(launch)?;
    succeeded(&output)?;
    ensure!(object.exists(), "no object");
    Ok(seen)
}

fn broken(bed: &mut Bed) -> Result<()> {
    let archive = bed.work()?.join("broken.tar.gz");
    fs::write(&archive, "this is no archive\n".repeat(200))?;
    let archive = archive.display().to_string();
    let seen = compile(bed, &[("ICECC_VERSION", &archive)])?;
    ensure!(seen.remote.is_empty() && seen.local == 1, "{seen:?}");
    Ok(())
}

/// A further file makes the archive one that no host has yet.
fn compressed(bed: &mut Bed, compression: &str) -> Result<()> {
    let extra = bed.work()?.join(format!("extra-{compression}.txt"));
    fs::write(&extra, compression)?;
    let extra = extra.display().to_string();
    let variables = [
        ("ICECC_ENV_COMPRESSION", compression),
        ("ICECC_EXTRAFILES", &extra),
    ];
    let seen = compile(bed, &variables)?;
    ensure!(seen.remote == [ONE] && seen.local == 0, "{seen:?}");
    Ok(())
}
