//! A small toolchain: copies of this host's gcc, of this test program, and of what they load.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where this test's own program lies inside; see `inside.rs`.
pub(crate) const PROBE: &str = "/usr/bin/probe";

/// Makes the tree below `root`, readable by everyone.
pub(crate) fn plant(root: &Path) -> io::Result<()> {
    for directory in ["tmp", "proc", "dev", "usr/bin", "etc"] {
        fs::create_dir_all(root.join(directory))?;
    }
    for device in ["null", "zero", "urandom"] {
        fs::write(root.join("dev").join(device), "")?;
    }
    fs::write(root.join("etc/placeholder"), "")?;
    copy_program(root, &std::env::current_exe()?, Path::new(PROBE))?;
    for tool in ["gcc", "g++"] {
        let tool = Path::new("/usr/bin").join(tool);
        copy_program(root, &tool, &tool)?;
    }
    for part in ["cc1", "cc1plus"] {
        let path = asked("/usr/bin/gcc", &format!("-print-prog-name={part}"))?;
        copy_program(root, &path, &path)?;
    }
    copy_program(root, Path::new("/usr/bin/as"), Path::new("/usr/bin/as"))?;
    Ok(())
}

fn asked(program: &str, argument: &str) -> io::Result<PathBuf> {
    let output = Command::new(program).arg(argument).output()?;
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    ))
}

fn copy_program(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    copy(from, &inside(root, to))?;
    let listed = Command::new("ldd").arg(from).output()?;
    for word in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
        if word.starts_with('/') {
            copy(Path::new(word), &inside(root, Path::new(word)))?;
        }
    }
    Ok(())
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}
