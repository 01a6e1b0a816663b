//! The command line of `icecc-create-env` and of `icecc --build-native`: makes an archive for ICECC_VERSION in the current directory.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::collect::collect_all;
use crate::compiler::{Compiler, find, is_program};
use crate::compression::Compression;
use crate::fileset::Source;
use crate::identify::identify;
use crate::pack::{PackError, pack_as};

const USAGE: &str = "\
Makes an archive of a compiler for ICECC_VERSION, in the current directory.

Usage: icecc-create-env COMPILER [CXX] [--addfile FILE]... [--compression TYPE]
       icecc-create-env --gcc GCC GXX [--clang CLANG] [options]
       icecc-create-env --clang CLANG [--gcc GCC GXX] [options]

COMPILER is a gcc or clang; the C++ compiler beside a gcc is added by itself.
TYPE is none, gzip (default), bzip2, zstd or xz.";

const FAILED: u8 = 1;
const NOT_HASHED: u8 = 2;
const NOT_ARCHIVED: u8 = 3;

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    /// Compilers, each with its C++ partner if one was named.
    compilers: Vec<(PathBuf, Option<PathBuf>)>,
    extra: Vec<PathBuf>,
    compression: Compression,
}

/// Runs `icecc-create-env` with the arguments after the program's name; the result is its exit code.
pub fn main(args: &[OsString], out: &mut dyn Write) -> u8 {
    main_in(Path::new("."), args, out)
}

/// The same, with the archive made in `dir`.
pub fn main_in(dir: &Path, args: &[OsString], out: &mut dyn Write) -> u8 {
    // Before anything else opens a file and happens to get this number.
    let report = File::options().append(true).open("/proc/self/fd/5").ok();
    // What cannot be printed does not stop the work.
    let request = match parse(args) {
        Ok(request) => request,
        Err(why) => {
            let _ = writeln!(out, "{why}");
            return FAILED;
        }
    };
    match run(&request, dir, out) {
        Ok(name) => {
            if let Some(mut report) = report {
                let _ = writeln!(report, "{name}");
            }
            0
        }
        Err((code, why)) => {
            let _ = writeln!(out, "{why}");
            code
        }
    }
}

/// Runs `icecc --build-native [COMPILER] [FILES…]`.
pub fn build_native(args: &[OsString], out: &mut dyn Write) -> u8 {
    match native_arguments(args) {
        Ok(args) => main(&args, out),
        Err(why) => {
            let _ = writeln!(out, "{why}");
            FAILED
        }
    }
}

fn native_arguments(args: &[OsString]) -> Result<Vec<OsString>, String> {
    let (mut compiler, mut files) = (PathBuf::from("gcc"), args);
    if let [first, rest @ ..] = args {
        // A file that cannot be run is already the first extra file.
        let path = Path::new(first);
        if !path.is_file() || is_program(path) {
            (compiler, files) = (path.to_path_buf(), rest);
        }
    }
    let found = find(&compiler).ok_or_else(|| {
        format!(
            "compiler {} not found in PATH; name it with its path",
            compiler.display()
        )
    })?;
    let mut out = vec![found.into_os_string()];
    for file in files {
        out.extend(["--addfile".into(), file.clone()]);
    }
    if let Some(kind) =
        std::env::var_os(job::variable::ICECC_ENV_COMPRESSION).filter(|kind| !kind.is_empty())
    {
        out.extend(["--compression".into(), kind]);
    }
    Ok(out)
}

fn parse(args: &[OsString]) -> Result<Request, String> {
    let mut args = args.iter();
    let mut request = Request {
        compilers: Vec::new(),
        extra: Vec::new(),
        compression: Compression::default(),
    };
    let mut is_legacy = false;
    let mut may_name_partner = false;
    while let Some(arg) = args.next() {
        let mut value = |what: &str| {
            args.next()
                .ok_or_else(|| format!("{} needs {what}", arg.display()))
        };
        let partner_follows = std::mem::take(&mut may_name_partner);
        match arg.to_str() {
            Some("--respect-path") if request.compilers.is_empty() => {}
            Some("--gcc") => {
                is_legacy = true;
                let c = value("the paths of gcc and g++")?.into();
                request
                    .compilers
                    .push((c, Some(value("the path of g++, too")?.into())));
            }
            Some("--clang") => {
                is_legacy = true;
                may_name_partner = true;
                request
                    .compilers
                    .push((value("the path of clang")?.into(), None));
            }
            Some("--addfile") => request.extra.push(value("a file")?.into()),
            Some("--compression") => {
                let kind = value("a compression")?;
                let parsed = kind.to_str().and_then(Compression::parse);
                request.compression = parsed.ok_or_else(|| {
                    format!(
                        "unknown compression {}; use none, gzip, bzip2, zstd or xz",
                        kind.display()
                    )
                })?;
            }
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option {option}\n{USAGE}"));
            }
            _ if request.compilers.is_empty() => {
                request.compilers.push((arg.into(), None));
                may_name_partner = true;
            }
            // After --clang it is the helper program of older releases: not needed.
            _ if partner_follows && is_legacy => {}
            _ if partner_follows => {
                if let Some((_, partner)) = request.compilers.last_mut() {
                    *partner = Some(arg.into());
                }
            }
            _ => return Err(format!("unknown argument {}\n{USAGE}", arg.display())),
        }
    }
    if request.compilers.is_empty() {
        Err(USAGE.to_owned())
    } else {
        Ok(request)
    }
}

fn run(request: &Request, dir: &Path, out: &mut dyn Write) -> Result<String, (u8, String)> {
    let failed = |error: &dyn std::fmt::Display| (FAILED, error.to_string());
    let mut compilers = Vec::new();
    for (path, partner) in &request.compilers {
        let found =
            find(path).ok_or_else(|| (FAILED, format!("compiler {} not found", path.display())))?;
        let mut compiler = Compiler::probe(&found).map_err(|error| failed(&error))?;
        if let Some(partner) = partner {
            compiler.cxx = Compiler::probe(partner)
                .map_err(|error| failed(&error))?
                .cxx;
        }
        compilers.push(compiler);
    }
    let set = collect_all(&compilers, &request.extra).map_err(|error| failed(&error))?;
    for (name, member) in set.members() {
        let _ = match &member.source {
            Source::File(path) if path.strip_prefix("/") != Ok(name) => {
                writeln!(out, "adding file /{}={}", name.display(), path.display())
            }
            Source::File(_) | Source::Text(_) => writeln!(out, "adding file /{}", name.display()),
        };
    }
    let not_hashed = |error: &dyn std::fmt::Display| (NOT_HASHED, error.to_string());
    let manifest = identify(&set).map_err(|error| not_hashed(&error))?;
    let name = manifest
        .identity()
        .environment_name()
        .map_err(|error| not_hashed(&error))?;
    let file = crate::pack::file_name(&name, request.compression);
    let _ = writeln!(out, "creating {file}");
    pack_as(&set, name, request.compression, dir)
        .map_err(|error: PackError| (NOT_ARCHIVED, error.to_string()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Request, String> {
        parse(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_form_of_the_command_line_is_understood() {
        let of =
            |path: &str, partner: Option<&str>| (PathBuf::from(path), partner.map(PathBuf::from));
        assert_eq!(parsed(&["gcc"]).unwrap().compilers, [of("gcc", None)]);
        assert_eq!(
            parsed(&["--respect-path", "gcc", "g++"]).unwrap().compilers,
            [of("gcc", Some("g++"))]
        );
        let both = [of("gcc", Some("g++")), of("clang", None)];
        assert_eq!(
            parsed(&[
                "--gcc",
                "gcc",
                "g++",
                "--clang",
                "clang",
                "/x/compilerwrapper"
            ])
            .unwrap()
            .compilers,
            both
        );
        let full = parsed(&[
            "clang",
            "--addfile",
            "a",
            "--compression",
            "zstd",
            "--addfile",
            "b",
        ])
        .unwrap();
        assert_eq!(
            (full.extra, full.compression),
            (vec!["a".into(), "b".into()], Compression::Zstd)
        );
        for bad in [
            &[][..],
            &["--gcc", "gcc"],
            &["gcc", "--addfile"],
            &["gcc", "--compression", "lzo"],
        ] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
        assert!(parsed(&["gcc", "--frob"]).unwrap_err().contains("--frob"));
        assert!(
            parsed(&["gcc", "g++", "x"])
                .unwrap_err()
                .contains("unknown argument x")
        );
    }

    #[test]
    fn a_file_that_cannot_run_is_an_extra_file_of_the_default_compiler() {
        let args = native_arguments(&["/etc/passwd".into()]).unwrap();
        assert!(args[0].to_str().unwrap().ends_with("/gcc"), "{args:?}");
        assert_eq!(args[1..], ["--addfile", "/etc/passwd"]);
        assert!(native_arguments(&["no-such-compiler".into()]).is_err());
    }
}
