//! What a compiler says of itself and what its trial shows, turned into members.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Cause, Collector};
use crate::ask::ask;
use crate::compiler::{Compiler, Family, find_in};
use crate::fileset::Source;
use crate::path::under_usr;
use crate::trial::{self, Shown};

impl Collector {
    pub(super) fn compiler(&mut self, compiler: &Compiler) -> Result<(), Cause> {
        self.prefix = super::prefix(compiler);
        self.options.clone_from(&compiler.options);
        self.search.clone_from(&compiler.search);
        self.watch.add(&compiler.asked);
        for path in &compiler.absent {
            self.watch.add(path);
        }
        let [has_c, has_cxx] = match compiler.family {
            Family::Gcc => self.proper(compiler)?,
            Family::Clang => [true, true],
        };
        // Each start of a clang costs tens of milliseconds: it is tried while it is asked.
        let (asked, tried) = std::thread::scope(|scope| {
            let trial = scope.spawn(|| trial::compile(compiler, has_c, has_cxx));
            let asked = self.asked(compiler);
            (
                asked,
                trial
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            )
        });
        asked?;
        let shown = tried.map_err(|failed| Cause::Trial {
            language: failed.language,
            said: failed.said,
        })?;
        self.is_observed &= shown.is_complete;
        self.shown(&shown)
    }

    /// What the compiler says of itself.
    fn asked(&mut self, compiler: &Compiler) -> Result<(), Cause> {
        let driver = compiler.driver();
        match compiler.family {
            Family::Gcc => self.gcc(driver)?,
            Family::Clang => self.clang(compiler)?,
        }
        let assembler = self.tool(driver, "as")?;
        let assembler = assembler.ok_or_else(|| Cause::Tool {
            tool: "as",
            asked: driver.to_path_buf(),
        })?;
        self.file(&assembler, Path::new("/usr/bin/as"))?;
        if let Some(objcopy) = self.tool(driver, "objcopy")? {
            self.file(&objcopy, Path::new("/usr/bin/objcopy"))?;
        }
        Ok(())
    }

    /// gcc's drivers and compilers proper; whether there is one for C and one for C++.
    fn proper(&mut self, compiler: &Compiler) -> Result<[bool; 2], Cause> {
        let mut found = [false; 2];
        let mut beside = Vec::new();
        let mut absent = Vec::new();
        let parts = [
            (&compiler.c, "gcc", "cc1"),
            (&compiler.cxx, "g++", "cc1plus"),
        ];
        for (found, (driver, name, proper)) in found.iter_mut().zip(parts) {
            let Some(driver) = driver else { continue };
            self.file(driver, &Path::new("/usr/bin").join(name))?;
            if let Some(path) = self.tool(driver, proper)? {
                self.file(&path, &Path::new("/usr/bin").join(proper))?;
                beside.extend(path.parent().map(Path::to_path_buf));
                *found = true;
            } else {
                absent.push(proper);
            }
        }
        // The package of the other language, installed later, puts it there.
        for (directory, name) in beside
            .iter()
            .flat_map(|at| absent.iter().map(move |name| (at, name)))
        {
            self.watch.add(&directory.join(name));
        }
        if found == [false; 2] {
            let asked = compiler.driver().to_path_buf();
            return Err(Cause::NoCompilerProper { asked });
        }
        Ok(found)
    }

    fn gcc(&mut self, driver: &Path) -> Result<(), Cause> {
        for name in ["specs", "liblto_plugin.so"] {
            let Some(path) = self.printed(driver, &format!("-print-file-name={name}"))? else {
                continue;
            };
            // There, the driver is not told where to look.
            let is_by_option = |option: &OsString| {
                let dir = option.as_bytes().strip_prefix(b"-B");
                dir.is_some_and(|dir| path.starts_with(Path::new(OsStr::from_bytes(dir))))
            };
            if name == "specs" && self.options.iter().any(is_by_option) {
                return Err(Cause::ByOption { path });
            }
            let target = under_usr(&path, &self.prefix);
            self.file(&path, &target)?;
        }
        Ok(())
    }

    fn clang(&mut self, compiler: &Compiler) -> Result<(), Cause> {
        let driver = compiler.driver();
        self.file(driver, Path::new("/usr/bin/clang"))?;
        // Sanitizers read their default ignore lists from the resource directory.
        if let Some(resources) = self.printed(driver, "-print-resource-dir")? {
            let lists = std::fs::read_dir(resources.join("share"))
                .into_iter()
                .flatten()
                .flatten();
            let mut lists: Vec<_> = lists
                .map(|entry| entry.path())
                .filter(|path| path.is_file())
                .collect();
            lists.sort();
            for path in lists {
                let target = under_usr(&path, &self.prefix);
                self.file(&path, &target)?;
            }
        }
        for path in &compiler.configuration {
            let target = under_usr(path, &self.prefix);
            self.file(path, &target)?;
        }
        // clang complains when it cannot read it, and then does without.
        self.text("proc/cpuinfo", Vec::new());
        Ok(())
    }

    /// Adds what only a compile shows: files and programs that the driver does not name.
    fn shown(&mut self, shown: &Shown) -> Result<(), Cause> {
        // What appears later under the name of something in use would be used instead of it.
        let used: HashSet<&OsStr> = self
            .members
            .keys()
            .filter_map(|path| path.file_name())
            .chain(shown.files.iter().filter_map(|path| path.file_name()))
            .chain([OsStr::new("specs")])
            .collect();
        for path in &shown.missed {
            let is_shadow = path.file_name().is_some_and(|name| used.contains(name));
            if is_shadow || path.extension() == Some(OsStr::new("cfg")) {
                self.watch.add(first_missing(path));
            }
        }
        let known: HashSet<PathBuf> = self
            .members
            .values()
            .filter_map(|member| match &member.source {
                Source::File(path) => Some(path.clone()),
                Source::Text(_) => None,
            })
            .collect();
        for file in shown.files.iter().filter(|file| trial::belongs(file)) {
            let is_new = file
                .canonicalize()
                .is_ok_and(|source| source.is_file() && !known.contains(&source));
            if is_new {
                let target = under_usr(file, &self.prefix);
                self.file(file, &target)?;
            }
        }
        Ok(())
    }

    /// A program that the driver runs: where the driver finds it, else in PATH as it would.
    pub(crate) fn tool(&mut self, driver: &Path, name: &str) -> Result<Option<PathBuf>, Cause> {
        for question in ["-print-prog-name=", "-print-file-name="] {
            if let Some(path) = self.printed(driver, &format!("{question}{name}"))? {
                return Ok(Some(path));
            }
        }
        Ok(find_in(Path::new(name), self.search.as_deref()))
    }

    /// The path that the driver prints, when it names something that exists. A driver that knows no
    /// path repeats the bare name.
    fn printed(&mut self, driver: &Path, question: &str) -> Result<Option<PathBuf>, Cause> {
        let mut words: Vec<&OsStr> = self.options.iter().map(OsString::as_os_str).collect();
        words.push(OsStr::new(question));
        let said =
            ask(driver, &words, "", self.search.as_deref()).map_err(|source| Cause::Silent {
                path: driver.to_path_buf(),
                source,
            })?;
        let path = Path::new(said.stdout.trim_end_matches('\n'));
        Ok(
            (said.success && path.components().count() > 1 && path.exists())
                .then(|| path.to_path_buf()),
        )
    }
}

/// The part of a path that would have to appear first: loaders look for many files in directories
/// that do not exist.
fn first_missing(path: &Path) -> &Path {
    let missing = |path: &&Path| std::fs::symlink_metadata(path).is_err();
    path.ancestors().take_while(missing).last().unwrap_or(path)
}
