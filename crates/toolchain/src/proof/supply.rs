//! Looking on this host for what a trial misses.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::complaint::Missing;
use crate::collect::{Cause, Collector};
use crate::compiler::Compiler;
use crate::elf::Kind;
use crate::fileset::Source;
use crate::path::{normal, under_usr};

impl Collector {
    /// Adds what is missing, with what it needs itself.
    pub(super) fn supply(&mut self, compiler: &Compiler, missing: &Missing) -> Result<(), Cause> {
        let name = Path::new(&missing.name);
        if missing.is_library() {
            let kind = self.kind_of(&missing.needed_by);
            let (kind, found) = kind
                .and_then(|kind| Some((kind, self.library(name.as_os_str(), kind)?)))
                .ok_or_else(|| missing.cause())?;
            let target = under_usr(&found, self.prefix());
            return self.known_library(name.as_os_str(), kind, &found, &target);
        }
        if name.is_absolute() {
            let target = normal(name);
            let below = target.strip_prefix("/usr").ok();
            let at_home = below.map(|rest| self.prefix().join(rest));
            let mut places = at_home.into_iter().chain([target.clone()]);
            let found = places.find(|path| path.is_file());
            return self.file(&found.ok_or_else(|| missing.cause())?, &target);
        }
        // A driver finds its tools in PATH, too, and there that is /usr/bin.
        let found = self.tool(compiler.driver(), &missing.name)?;
        let found = found.filter(|path| path.is_file());
        let target = Path::new("/usr/bin").join(name);
        self.file(&found.ok_or_else(|| missing.cause())?, &target)
    }

    /// What the program called `name` can be linked with.
    fn kind_of(&mut self, name: &str) -> Option<Kind> {
        let known = self.members().iter().find_map(|(path, member)| {
            let is_it = path.file_name() == Some(OsStr::new(name));
            match &member.source {
                Source::File(source) if is_it => Some(source.clone()),
                _ => None,
            }
        })?;
        self.loader().elf(&known).map(|elf| elf.kind)
    }

    /// Where the loader would look, then beside everything that the compiler consists of.
    fn library(&mut self, name: &OsStr, kind: Kind) -> Option<PathBuf> {
        if let Some(found) = self.loader().system(name, kind) {
            return Some(found);
        }
        let sources = self.members().values();
        let mut directories: BTreeSet<PathBuf> = sources
            .filter_map(|member| match &member.source {
                Source::File(source) => source.parent().map(Path::to_path_buf),
                Source::Text(_) => None,
            })
            .collect();
        directories.extend(["lib", "lib64"].map(|dir| self.prefix().join(dir)));
        let mut places = directories.into_iter().map(|dir| dir.join(name));
        places.find(|path| self.loader().fits(path, kind))
    }
}
