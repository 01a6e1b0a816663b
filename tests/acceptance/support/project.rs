//! Real projects: fetched by `cargo xtask setup`, built plainly once, then again and again through
//! clusters, and compared.
//!
//! Both builds happen in the same directory, since objects hold its name; a lock keeps test
//! programs out of each other's way.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::{HostSpec, Kind, Lab, LabOptions, Launch};

use crate::compare::{self, Rule};

/// A project and how it is built; scripts run in its top directory and see `$CC`, `$CXX`, `$JOBS`.
#[derive(Debug)]
pub struct Project {
    pub name: &'static str,
    /// Source package below `target/sources`; empty for a project that `prepare` writes.
    pub(crate) source: &'static str,
    pub(crate) prepare: &'static str,
    pub(crate) build: &'static str,
    pub rule: Rule,
    /// Objects that a build makes at least.
    pub objects: usize,
}

/// C, `-O2 -g`. The header with the build's time and host is made once.
pub const REDIS: Project = Project {
    name: "redis",
    source: "redis",
    prepare: "cd src && SOURCE_DATE_EPOCH=1 ./mkreleasehdr.sh",
    build: "make -j$JOBS MALLOC=libc CC=\"$CC\" CXX=\"$CXX\" OPTIMIZATION=-O2",
    rule: Rule::Program,
    objects: 130,
};

/// The libraries that redis brings along: a third of it, for tests that run in many variants.
pub const REDIS_LIBRARIES: Project = Project {
    name: "redis-libraries",
    source: "redis",
    prepare: ":",
    build: "make -j$JOBS -C deps hiredis linenoise lua hdr_histogram CC=\"$CC\" CXX=\"$CXX\"",
    rule: Rule::Program,
    objects: 40,
};

/// The same with debug information that nothing may be lost of.
pub const REDIS_FILES: Project = Project {
    name: "redis-files",
    source: "redis",
    prepare: ":",
    build: "make -j$JOBS -C deps hiredis linenoise lua hdr_histogram CC=\"$CC\" CXX=\"$CXX\" OPTIMIZATION=-O1 DEBUG=-g",
    rule: Rule::Bytes,
    objects: 40,
};

/// C++ with heavy headers: the library for the oldest and the newest standard.
pub const FMTLIB: Project = Project {
    name: "fmtlib",
    source: "fmtlib",
    prepare: "
        { echo 'all: $(foreach s,11 20,format-$s.o os-$s.o)'
          for s in 11 20; do
            printf '%%-%s.o: src/%%.cc\\n\\t$(CXX) -std=c++%s -O2 -Iinclude -MMD -MF $*-%s.d -c -o $@ $<\\n' $s $s $s
          done; } >Makefile",
    build: "make -j$JOBS CXX=\"$CXX\"",
    rule: Rule::Bytes,
    objects: 4,
};

/// C++, 68 files of about 300, through configure and libtool.
pub const XERCES: Project = Project {
    name: "xerces-c",
    source: "xerces-c",
    prepare: "./configure -q --disable-static --disable-network --without-icu CXXFLAGS=-O1 CFLAGS=-O1 >configure.log 2>&1",
    build: "
        cd src
        files=$(ls xercesc/dom/impl/*.cpp xercesc/util/regx/*.cpp)
        make -s -j$JOBS CC=\"$CC\" CXX=\"$CXX\" $(echo $files | sed 's/[.]cpp/.lo/g')",
    rule: Rule::Bytes,
    objects: 68,
};

impl Project {
    /// A project that its `prepare` script writes. It is not compared.
    pub const fn new(name: &'static str, prepare: &'static str, build: &'static str) -> Self {
        Self {
            name,
            source: "",
            prepare,
            build,
            rule: Rule::Bytes,
            objects: 0,
        }
    }

    /// Why it cannot be built here.
    pub fn missing(&self) -> Option<String> {
        let source = sources().join(self.source);
        (!source.is_dir()).then(|| {
            format!(
                "the source of {} was not fetched (`cargo xtask setup`)",
                self.name
            )
        })
    }

    /// Unpacks, configures and builds it plainly, unless that was done before, and locks it.
    pub fn open(&'static self) -> Result<Tree> {
        self.prepared(true)
    }

    /// The same without the plain build, for a tree that is not going to be compared.
    pub fn open_unbuilt(&'static self) -> Result<Tree> {
        self.prepared(false)
    }

    fn prepared(&'static self, build: bool) -> Result<Tree> {
        let base = target().join("acceptance").join(self.name);
        fs::create_dir_all(&base)?;
        let lock = File::create(base.join("lock"))?;
        lock.lock()?;
        let tree = Tree {
            project: self,
            base,
            _lock: lock,
        };
        let stamp = tree.base.join("stamp");
        let wanted = tree.stamp()?;
        let there = fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == wanted);
        if !there || (build && !tree.base.join("plain").is_dir()) {
            tree.make(build)?;
            fs::write(&stamp, wanted)?;
        }
        Ok(tree)
    }
}

/// An empty directory below the target directory, which every host of a lab sees.
pub fn workshop(name: &str) -> Result<PathBuf> {
    let directory = target().join("acceptance").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// A project on disk, locked.
pub struct Tree {
    project: &'static Project,
    base: PathBuf,
    _lock: File,
}

/// What a comparison covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    pub objects: usize,
    pub dependencies: usize,
}

impl Tree {
    pub fn path(&self) -> PathBuf {
        self.base.join("tree")
    }

    /// What the plain build depends on.
    fn stamp(&self) -> Result<String> {
        let compiler = Command::new("gcc")
            .arg("--version")
            .output()
            .context("gcc")?;
        let compiler = String::from_utf8_lossy(&compiler.stdout).into_owned();
        // Objects name the directory.
        Ok(format!(
            "{compiler}{:?}{}",
            self.project,
            self.base.display()
        ))
    }

    fn make(&self, build: bool) -> Result<()> {
        let (tree, plain) = (self.path(), self.base.join("plain"));
        for old in [&tree, &plain] {
            let _ = fs::remove_dir_all(old);
        }
        if self.project.source.is_empty() {
            fs::create_dir(&tree)?;
        } else {
            shell(&format!(
                "cp -a '{}' '{}'",
                sources().join(self.project.source).display(),
                tree.display()
            ))?;
        }
        // On a host of a lab too: its name and environment are those of the later builds.
        let mut lab = Lab::with(Kind::Namespaces, LabOptions::default())?;
        let host = lab.host(&HostSpec::new("submit"))?;
        let limit = Duration::from_secs(900);
        let launch = || host.command("sh").env("CC", "gcc").env("CXX", "g++");
        self.script(launch(), self.project.prepare, 2)
            .run(limit)?
            .ok()
            .context("prepare")?;
        shell(&format!(
            "tar -C '{}' -cf '{}' tree",
            self.base.display(),
            self.pristine().display()
        ))?;
        if build {
            let built = self.script(launch(), self.project.build, 2).run(limit)?;
            built.ok().context("plain build")?;
            fs::rename(&tree, &plain)?;
        }
        Ok(())
    }

    fn pristine(&self) -> PathBuf {
        self.base.join("pristine.tar")
    }

    /// Puts the tree back to what it was before any build.
    pub fn reset(&self) -> Result<()> {
        let _ = fs::remove_dir_all(self.path());
        shell(&format!(
            "tar -C '{}' -xf '{}'",
            self.base.display(),
            self.pristine().display()
        ))
    }

    /// Removes what a build made, and leaves all else untouched.
    pub fn clean(&self) -> Result<()> {
        let tree = self.path();
        shell(&format!(
            "find '{}' -name '*.[ao]' -delete -o -name '*.lo' -delete",
            tree.display()
        ))
    }

    /// The build, to be started in a client's environment.
    pub fn build(&self, launch: Launch, jobs: u32) -> Launch {
        self.script(launch, self.project.build, jobs)
    }

    fn script(&self, launch: Launch, text: &str, jobs: u32) -> Launch {
        launch
            .args(["-e", "-c", text])
            .env("JOBS", jobs.to_string())
            // The tree lies within a repository whose state is none of its business.
            .env("GIT_DIR", "/nonexistent")
            .dir(self.path())
    }

    /// Compares every object and dependency file with the plain build's.
    pub fn compare(&self) -> Result<Compared> {
        let plain = outputs(&self.base.join("plain"))?;
        let built = outputs(&self.path())?;
        if plain.keys().ne(built.keys()) {
            let only = |one: &BTreeMap<PathBuf, PathBuf>, other: &BTreeMap<PathBuf, PathBuf>| {
                one.keys()
                    .filter(|name| !other.contains_key(*name))
                    .take(5)
                    .cloned()
                    .collect::<Vec<_>>()
            };
            bail!(
                "missing {:?}, surplus {:?}",
                only(&plain, &built),
                only(&built, &plain)
            );
        }
        let mut compared = Compared {
            objects: 0,
            dependencies: 0,
        };
        let mut different = Vec::new();
        for (name, expected) in &plain {
            let found = &built[name];
            if name.extension().is_some_and(|extension| extension == "o") {
                compared.objects += 1;
                if let Err(e) = compare::objects(expected, found, self.project.rule) {
                    different.push(format!("{e:#}"));
                }
            } else {
                compared.dependencies += 1;
                if fs::read(expected)? != fs::read(found)? {
                    different.push(format!("{} differs", name.display()));
                }
            }
        }
        if !different.is_empty() {
            let count = different.len();
            different.truncate(5);
            bail!(
                "{count} of {} files differ:\n{}",
                plain.len(),
                different.join("\n")
            );
        }
        if compared.objects < self.project.objects {
            bail!("only {} objects were built", compared.objects);
        }
        Ok(compared)
    }
}

/// Objects and dependency files below a directory, by their path in it.
fn outputs(base: &Path) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut left = vec![base.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                left.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "o" || extension == "d")
            {
                found.insert(path.strip_prefix(base)?.to_owned(), path);
            }
        }
    }
    Ok(found)
}

fn shell(text: &str) -> Result<()> {
    let output = Command::new("sh").args(["-e", "-c", text]).output()?;
    if !output.status.success() {
        bail!("{text}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The target directory that this program was built in.
pub fn target() -> PathBuf {
    let me = std::env::current_exe().unwrap_or_default();
    // Tests lie deeper in it than programs; cargo marks the directory itself.
    me.ancestors()
        .find(|above| above.join("CACHEDIR.TAG").is_file())
        .unwrap_or(Path::new("target"))
        .to_owned()
}

pub fn sources() -> PathBuf {
    target().join("sources")
}
