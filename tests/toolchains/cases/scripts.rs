//! Scripts around compilers, and options that choose parts of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::compilers::{Compiler, installed};

fn script(path: PathBuf, text: &str) -> Result<PathBuf> {
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// A script under each name, with `NAME` in its text replaced by the compiler.
fn pair(place: &Path, text: &str) -> Result<Compiler> {
    let mut made = Vec::new();
    for name in ["gcc", "g++"] {
        let real = installed(&format!("/usr/bin/{name}-12"))?;
        let text = text.replace("NAME", &real.display().to_string());
        made.push(script(place.join(name), &text)?);
    }
    Ok(Compiler::new(Some(&made[0]), Some(&made[1])))
}

pub(crate) fn plain(place: &Path) -> Result<Compiler> {
    pair(place, "#!/bin/sh\nexec NAME \"$@\"\n")
}

/// Options before and after the user's, some of them by the user's own, and variables, as Nix's
/// wrapper does it.
pub(crate) fn nix(place: &Path) -> Result<Compiler> {
    installed("/bin/bash")?;
    let text = r#"#!/bin/bash
set -eu -o pipefail +o posix
declare -a before=() after=()
optimises=0
for word in "$@"; do
    case "$word" in
        -O0) optimises=0 ;;
        -O*) optimises=1 ;;
    esac
done
before+=(-fPIC -fstack-protector-strong --param ssp-buffer-size=4)
if [ "$optimises" = 1 ]; then
    before+=(-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
fi
after+=(-fno-strict-overflow -Wformat -Wformat-security)
export NIX_ENFORCE_PURITY=1
exec NAME ${before+"${before[@]}"} "$@" ${after+"${after[@]}"}
"#;
    pair(place, text)
}

/// A plugin that does nothing but to be there: gcc asks for two symbols only.
pub(crate) fn plugin(place: &Path) -> Result<Compiler> {
    let (c, cxx) = (installed("/usr/bin/gcc-12")?, installed("/usr/bin/g++-12")?);
    let source = place.join("plugin.c");
    fs::write(
        &source,
        "int plugin_is_GPL_compatible;\nint plugin_init(void *a, void *b) { return 0; }\n",
    )?;
    let plugin = place.join("plugin.so");
    let said = Command::new(&c)
        .args(["-shared", "-fPIC", "-o"])
        .arg(&plugin)
        .arg(&source)
        .output()?;
    ensure!(said.status.success(), "the plugin cannot be built");
    let option = format!("-fplugin={}", plugin.display());
    Ok(Compiler::new(Some(&c), Some(&cxx)).with(&[&option]))
}

/// An assembler in a directory of its own.
pub(crate) fn assembler(place: &Path) -> Result<Compiler> {
    let tools = place.join("tools");
    fs::create_dir(&tools)?;
    fs::copy(installed("/usr/bin/as")?, tools.join("as"))?;
    let option = format!("-B{}/", tools.display());
    let (c, cxx) = (installed("/usr/bin/gcc-12")?, installed("/usr/bin/g++-12")?);
    Ok(Compiler::new(Some(&c), Some(&cxx)).with(&[&option]))
}

/// zig is a compiler only by its first argument: an executor of icecream's protocol starts `clang` and
/// finds a program that wants a command. It also compiles for the processor of this very host unless
/// told otherwise, and wants its 300 MB of libraries beside it for the smallest file (0.17, measured).
pub(crate) const ZIG_STAYS: &str = "toolchain_failed";

/// `zig cc` behind a script, as build systems want one word. Downloading its 100 MB is no part of a
/// test: it is tried where it is installed.
pub(crate) fn zig(place: &Path) -> Result<Compiler> {
    let said = Command::new("python3")
        .args(["-c", "import ziglang; print(ziglang.__path__[0])"])
        .output()?;
    ensure!(
        said.status.success(),
        "not installed (`pip install ziglang`, 100 MB)"
    );
    let home = String::from_utf8(said.stdout)?;
    let zig = Path::new(home.trim()).join("zig");
    let cc = script(
        place.join("zig-gcc"),
        &format!("#!/bin/sh\nexec {} cc \"$@\"\n", zig.display()),
    )?;
    zig.exists()
        .then(|| Compiler::new(Some(&cc), None))
        .context("ziglang without zig")
}
