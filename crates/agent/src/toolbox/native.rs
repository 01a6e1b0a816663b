//! What `-march=native` and its like mean on this host: the driver is asked what it would tell the
//! compiler proper, once without and once with them.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use invocation::Family;

/// Plain options with the effect that `options` have on this host.
pub(crate) fn resolve(
    compiler: &Path,
    family: Family,
    options: &[OsString],
) -> Result<Vec<OsString>, String> {
    let [without, with] = invocation::native_questions(options);
    let (without, with) = (ask(compiler, &without)?, ask(compiler, &with)?);
    invocation::resolve_native(family, &without, &with)
        .ok_or_else(|| format!("{} does not tell what native means", compiler.display()))
}

fn ask(compiler: &Path, question: &[OsString]) -> Result<Vec<u8>, String> {
    let asked = Command::new(compiler)
        .args(question)
        .env(job::variable::ICECC, "disable")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .process_group(0)
        .output();
    asked
        .map(|said| said.stderr)
        .map_err(|error| format!("{}: {error}", compiler.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_compilers_tell_what_native_means() {
        for (compiler, family) in [
            ("/usr/bin/gcc", Family::Gcc),
            ("/usr/bin/clang", Family::Clang),
        ] {
            if !Path::new(compiler).exists() {
                eprintln!("skipped: no {compiler}");
                continue;
            }
            let plain = resolve(Path::new(compiler), family, &["-march=native".into()]).unwrap();
            let native = OsString::from("-march=native");
            assert!(!plain.is_empty() && !plain.contains(&native), "{plain:?}");
        }
    }
}
