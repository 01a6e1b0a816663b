//! Saying that a test cannot run here, and why.

use lab::{Kind, Programs, Suite};

use crate::project::Project;

/// What a test needs from the machine.
#[derive(Clone, Copy)]
pub enum Need {
    /// Root, and a kernel that makes namespaces.
    Namespaces,
    Suite(Suite),
    /// The source of a real project.
    Project(&'static Project),
    /// A program found in `PATH`.
    Program(&'static str),
    /// A file that a package brings.
    File(&'static str),
}

impl Need {
    fn missing(self) -> Option<String> {
        match self {
            Self::Namespaces => Kind::namespaces_possible().err(),
            Self::Suite(suite) => Programs::locate(suite).err().map(|e| e.to_string()),
            Self::Project(project) => project.missing(),
            Self::Program(name) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let found = std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
                (!found).then(|| format!("the program `{name}` is missing (`cargo xtask setup`)"))
            }
            Self::File(path) => (!std::path::Path::new(path).exists())
                .then(|| format!("{path} is missing (`cargo xtask setup`)")),
        }
    }
}

/// Whether the calling test must be left out. `cargo xtask test` counts the lines printed here.
pub fn skipped(test: &str, needs: &[Need]) -> bool {
    match needs.iter().find_map(|need| need.missing()) {
        Some(why) => {
            println!("SKIPPED {test}: {why}");
            true
        }
        None => false,
    }
}

/// Leaves the calling test when the machine lacks something.
#[macro_export]
macro_rules! need {
    ($($need:expr),+ $(,)?) => {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        if $crate::skip::skipped(&name, &[$($need),+]) {
            return Ok(());
        }
    };
}
