//! The projects, and how each is configured and pretended to be built.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::project::{sources, target};
use anyhow::{Context, Result, bail};

use crate::replay::Noted;

/// A project with a compiler.
#[derive(Debug)]
pub(super) struct Corpus {
    pub(super) name: &'static str,
    /// Below `target/sources`: what `cargo xtask bench inputs` fetches (`xtask/src/corpora.rs`).
    source: &'static str,
    /// Runs in an empty directory and sees `$SOURCE`, `$JOBS` and `$PRETEND`, which goes in front of a compiler.
    /// What cannot be linked is no failure.
    build: &'static str,
}

pub(super) const CORPORA: &[Corpus] = &[
    Corpus {
        name: "redis",
        source: "redis",
        build: REDIS,
    },
    Corpus {
        name: "redis-clang",
        source: "redis",
        build: REDIS,
    },
    Corpus {
        name: "fmtlib",
        source: "fmtlib",
        build: FMTLIB,
    },
    Corpus {
        name: "fmtlib-clang",
        source: "fmtlib",
        build: FMTLIB,
    },
    Corpus {
        name: "xerces-c",
        source: "xerces-c",
        build: "$CMAKE -Dnetwork=OFF $SOURCE && $NINJA",
    },
    Corpus {
        name: "sqlite3",
        source: "sqlite3",
        build: "cp -a $SOURCE/. . && mkdir build && cd build && ../configure && sed -i \"s|^TCC = |TCC = $PRETEND |\" Makefile
            make -k -j$JOBS USE_AMALGAMATION=0 libsqlite3.la sqlite3 testfixture",
    },
    Corpus {
        name: "git",
        source: "git",
        build: "cp -a $SOURCE/. . && make -k -j$JOBS CC=\"$PRETEND gcc\" NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_TCLTK=1 all",
    },
    Corpus {
        name: "googletest",
        source: "googletest",
        build: GOOGLETEST,
    },
    Corpus {
        name: "googletest-clang",
        source: "googletest",
        build: GOOGLETEST,
    },
    Corpus {
        name: "googletest-mingw",
        source: "googletest",
        build: GOOGLETEST,
    },
    Corpus {
        name: "libuv-mingw",
        source: "libuv1",
        build: CMAKE,
    },
    Corpus {
        name: "libtorrent",
        source: "libtorrent-rasterbar",
        build: LIBTORRENT,
    },
    Corpus {
        name: "libtorrent-clang",
        source: "libtorrent-rasterbar",
        build: LIBTORRENT,
    },
    Corpus {
        name: "llvm",
        source: "llvm-toolchain-14",
        build: LLVM,
    },
    Corpus {
        name: "llvm-clang",
        source: "llvm-toolchain-14",
        build: LLVM,
    },
    Corpus {
        name: "linux",
        source: "linux",
        build: "m() { make -C $SOURCE O=$PWD -k -j$JOBS \"$@\"; }
            m defconfig && m prepare && m CC=\"$PRETEND gcc\" init/ kernel/ mm/ fs/ block/ crypto/ lib/ net/ drivers/ata/ drivers/base/",
    },
];

const REDIS: &str = "cp -a $SOURCE/. . && cd src && SOURCE_DATE_EPOCH=1 ./mkreleasehdr.sh
    make -k -j$JOBS MALLOC=libc CC=\"$PRETEND $CC\" CXX=\"$PRETEND $CXX\" OPTIMIZATION=-O2";
const FMTLIB: &str = "cp -a $SOURCE tree && sed -i \"s|/usr/src/googletest|$SOURCE/../googletest|\" tree/test/CMakeLists.txt
    mkdir build && cd build && $CMAKE ../tree && $NINJA";
const CMAKE: &str = "$CMAKE $SOURCE && $NINJA";
const GOOGLETEST: &str = "$CMAKE -Dgtest_build_tests=ON -Dgmock_build_tests=ON -Dgtest_build_samples=ON $SOURCE && $NINJA";
const LIBTORRENT: &str = "$CMAKE -Dencryption=OFF -Dbuild_tests=ON -Dbuild_examples=ON -Dbuild_tools=ON $SOURCE && $NINJA";
/// Its tables are made by Debian's own program of the same version.
const LLVM: &str = "
    $CMAKE -DCMAKE_BUILD_TYPE=Release -DLLVM_TARGETS_TO_BUILD='X86;AArch64' -DLLVM_TABLEGEN=/usr/lib/llvm-14/bin/llvm-tblgen \\
        -DLLVM_INCLUDE_BENCHMARKS=OFF -DLLVM_ENABLE_BINDINGS=OFF $SOURCE/llvm && $NINJA";

/// What all scripts begin with: the compilers by the end of the project's name.
const LEAD: &str = "
    CC=gcc CXX=g++ SYSTEM=
    case $NAME in
        *-clang) CC=clang CXX=clang++ ;;
        *-mingw) CC=x86_64-w64-mingw32-gcc CXX=x86_64-w64-mingw32-g++-posix SYSTEM=-DCMAKE_SYSTEM_NAME=Windows ;;
    esac
    LAUNCHER=$(echo $PRETEND | tr ' ' ';')
    CMAKE=\"cmake -G Ninja $SYSTEM -DCMAKE_C_COMPILER=$CC -DCMAKE_CXX_COMPILER=$CXX
        -DCMAKE_C_COMPILER_LAUNCHER=$LAUNCHER -DCMAKE_CXX_COMPILER_LAUNCHER=$LAUNCHER\"
    NINJA=\"ninja -k 0 -j$JOBS\"
";

impl Corpus {
    /// All different compiles of its build. They are noted once, and everything that they read is there from then on.
    pub(super) fn commands(&self) -> Result<Vec<Noted>> {
        let source = sources().join(self.source);
        if !source.is_dir() {
            bail!("its source was not fetched (`cargo xtask bench inputs`)");
        }
        let base = target().join("inputs");
        let (tree, noted) = (
            base.join(self.name),
            base.join(format!("{}.noted", self.name)),
        );
        let stamp = base.join(format!("{}.stamp", self.name));
        let wanted = format!("{self:?}{LEAD}{}", source.display());
        if fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
            eprintln!("pretending to build {}", self.name);
            let _ = fs::remove_file(&noted);
            let _ = fs::remove_dir_all(&tree);
            fs::create_dir_all(&tree)?;
            self.pretend(&source, &tree, &noted)?;
            fs::write(&stamp, wanted)?;
        }
        read(&noted)
    }

    fn pretend(&self, source: &Path, tree: &Path, noted: &Path) -> Result<()> {
        let me = std::env::current_exe()?;
        let jobs = std::thread::available_parallelism()?;
        let log = tree.with_extension("log");
        let out = fs::File::create(&log)?;
        // Whether it could be linked is not asked: what counts is which compiles were noted.
        Command::new("sh")
            .args(["-c", &format!("{LEAD}\n{}", self.build)])
            .current_dir(tree)
            .env("NAME", self.name)
            .env("SOURCE", source)
            .env("JOBS", jobs.to_string())
            .env("PRETEND", pretend(&me, noted))
            .env("LC_ALL", "C")
            .stdin(std::process::Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out)
            .status()?;
        if !noted.exists() {
            bail!("its build compiled nothing; see {}", log.display());
        }
        Ok(())
    }
}

fn pretend(me: &Path, noted: &Path) -> String {
    format!("{} pretend {}", me.display(), noted.display())
}

fn read(noted: &PathBuf) -> Result<Vec<Noted>> {
    let text = fs::read_to_string(noted).with_context(|| noted.display().to_string())?;
    // Ordered, so that a sample is the same each time.
    let lines: BTreeSet<&str> = text.lines().collect();
    let mut commands = Vec::new();
    for line in lines {
        let command: Noted = serde_json::from_str(line)?;
        if command.can_be_repeated() {
            commands.push(command);
        }
    }
    Ok(commands)
}
