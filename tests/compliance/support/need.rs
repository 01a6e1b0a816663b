//! What a case needs from the machine.

use std::path::Path;

use lab::{Kind, Programs, Suite};

#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// Root, and a kernel that makes namespaces.
    Namespaces,
    Suite(Suite),
    /// A program found in `PATH`, and the Debian package that brings it.
    Program(&'static str, &'static str),
    /// A file, and the Debian package that brings it.
    File(&'static str, &'static str),
    /// It can not be asked of these programs at all; why.
    Impossible(&'static str),
}

impl Need {
    /// Why it is not met.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Namespaces => Kind::namespaces_possible().err(),
            Self::Suite(suite) => Programs::locate(suite).err().map(|e| e.to_string()),
            Self::Program(name, package) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let found = std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
                (!found).then(|| format!("`{name}` is missing (package {package})"))
            }
            Self::File(path, package) => {
                let found = Path::new(path).exists();
                (!found).then(|| format!("{path} is missing (package {package})"))
            }
            Self::Impossible(why) => Some(why.to_owned()),
        }
    }
}
