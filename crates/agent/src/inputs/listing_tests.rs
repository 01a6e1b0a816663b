//! Real sources in directories of their own, followed as gcc reads them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use invocation::{Inputs, Language};
use wire::view::What;

use super::catalogue::Catalogue;
use super::compiler::Asked;
use super::listing::Listing;
use super::scanner::{Beside, Level, NotKnown, Scanner};

struct Project {
    home: tempfile::TempDir,
    root: PathBuf,
    scanner: Scanner,
    catalogue: Mutex<Catalogue>,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        let project = Self {
            home,
            root,
            scanner: Scanner::default(),
            catalogue: Mutex::default(),
        };
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn list(&mut self, options: &[&str]) -> Result<Listing, NotKnown> {
        self.list_at(options).map(|(listing, _)| listing)
    }

    fn list_at(&mut self, options: &[&str]) -> Result<(Listing, Level), NotKnown> {
        let alone = [&["-nostdinc"], options].concat();
        self.list_with_all(&alone)
    }

    /// Again and again, until nothing was changed too lately to be known by its time.
    fn until_recorded(&mut self) -> Listing {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (listing, level) = self.list_at(&[]).unwrap();
            if level == Level::Recorded {
                return listing;
            }
            assert!(Instant::now() < deadline, "never recorded");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The same with the compiler's own directories.
    fn list_with_all(&mut self, options: &[&str]) -> Result<(Listing, Level), NotKnown> {
        let asked = Asked {
            program: PathBuf::from("/usr/bin/gcc"),
            language: Language::C,
            options: options.iter().map(Into::into).collect(),
            directory: self.root.clone(),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        };
        let inputs = Inputs::default();
        self.scanner.listing(
            &asked,
            &inputs,
            Path::new("a.c"),
            &self.catalogue,
            &Beside::default(),
            Instant::now(),
        )
    }

    /// What a listing says, by name below the project.
    fn shown(&self, listing: &Listing) -> Vec<String> {
        let catalogue = self.catalogue.lock().unwrap();
        let entries = listing
            .entries
            .iter()
            .map(|id| catalogue.entry(id).unwrap());
        let mut shown: Vec<String> = entries
            .filter_map(|entry| {
                let path = String::from_utf8(entry.path.as_bytes().to_vec()).unwrap();
                let name = path.strip_prefix(self.root.to_str()?)?.to_owned();
                let mark = match entry.what {
                    What::Directory => "/".to_owned(),
                    What::File(_) => String::new(),
                    What::Same(_) => " same".to_owned(),
                    What::Link(to) => format!(" -> {}", String::from_utf8_lossy(&to)),
                    What::Unsent => " unsent".to_owned(),
                };
                let fresh = if entry.is_fresh { " fresh" } else { "" };
                Some(format!("{name}{mark}{fresh}"))
            })
            .collect();
        shown.sort();
        shown
    }
}

#[test]
fn files_links_and_what_is_not_read_are_listed() {
    let mut project = Project::new(&[
        (
            "a.c",
            "#include \"inc/x.h\"\n#if 0\n#include <dead.h>\n#endif\n#include <y.h>\n",
        ),
        ("real/x.h", "#include \"../z.h\"\n"),
        ("z.h", ""),
        ("sys/dead.h", ""),
        ("sys/y.h", ""),
        ("more/y.h", "#error\n"),
        ("more/other.h", ""),
    ]);
    symlink("real", project.root.join("inc")).unwrap();
    let listing = project.list(&["-Isys", "-Imore"]).unwrap();
    assert_eq!(
        project.shown(&listing),
        [
            "/",
            "/a.c",
            "/inc -> real",
            "/more/",
            "/more/y.h unsent",
            "/real/",
            "/real/x.h",
            "/sys/",
            "/sys/dead.h unsent",
            "/sys/y.h",
            "/z.h"
        ]
    );
    // The same again, to the number.
    assert_eq!(project.list(&["-Isys", "-Imore"]).unwrap(), listing);
    assert!(project.home.path().exists());
}

#[test]
fn changes_give_other_entries() {
    let mut project = Project::new(&[("a.c", "#include <x.h>\n"), ("two/x.h", "int a;\n")]);
    fs::create_dir(project.root.join("one")).unwrap();
    let options = ["-Ione", "-Itwo"];
    let first = project.list(&options).unwrap();
    // As long, and within one tick of the clock.
    project.write("two/x.h", "int b;\n");
    let second = project.list(&options).unwrap();
    assert_ne!(first.digest, second.digest);
    // In front of it, where it was relied on that nothing is there.
    project.write("one/x.h", "int c;\n");
    let third = project.list(&options).unwrap();
    let shown = project.shown(&third);
    assert!(shown.contains(&"/one/x.h fresh".to_owned()), "{shown:?}");
    assert!(shown.contains(&"/two/x.h unsent".to_owned()), "{shown:?}");
    fs::remove_file(project.root.join("one/x.h")).unwrap();
    let fourth = project.list(&options).unwrap();
    assert_eq!(fourth.digest, second.digest);
    let catalogue = project.catalogue.lock().unwrap();
    // The first text of two/x.h, and all of one/x.h.
    assert_eq!(catalogue.gone_since(0).len(), 2);
}

#[test]
fn names_of_one_file_are_one_file() {
    let mut project = Project::new(&[
        (
            "a.c",
            "#include \"x.h\"\n#include \"y.h\"\n#include \"z.h\"\n",
        ),
        ("x.h", "#pragma once\n"),
        ("z.h", "#pragma once\n"),
    ]);
    fs::hard_link(project.root.join("x.h"), project.root.join("y.h")).unwrap();
    let listing = project.list(&[]).unwrap();
    let shown = project.shown(&listing);
    assert!(shown.contains(&"/y.h same".to_owned()), "{shown:?}");
    assert!(shown.contains(&"/z.h".to_owned()), "{shown:?}");
    // Renamed: the file is the same, and its old name is no name any more.
    fs::remove_file(project.root.join("y.h")).unwrap();
    fs::rename(project.root.join("x.h"), project.root.join("y.h")).unwrap();
    project.write("a.c", "#include \"y.h\"\n");
    let listing = project.list(&[]).unwrap();
    assert_eq!(project.shown(&listing), ["/", "/a.c", "/y.h"]);
}

#[test]
fn what_names_the_time_is_known() {
    for (text, expected) in [
        ("const char *t = __DATE__;\n", (true, false)),
        (
            "#if 0\nconst char *t = __TIMESTAMP__;\n#endif\n",
            (false, true),
        ),
        ("// __TIME__\n", (false, false)),
    ] {
        let mut project = Project::new(&[("a.c", text)]);
        let time = project.list(&[]).unwrap().time;
        assert_eq!((time.of_compile, time.of_source), expected, "{text}");
    }
}

#[test]
fn what_is_not_certain_is_text() {
    for (text, why) in [
        ("asm(\".incbin \\\"x\\\"\");\n", "assembler"),
        ("#include \"fifo\"\n", "a.c"),
    ] {
        let mut project = Project::new(&[("a.c", text)]);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            project.root.join("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let error = project.list(&[]).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn a_header_that_is_missing_is_known_to_be_until_it_comes() {
    let mut project = Project::new(&[
        (
            "a.c",
            "#include \"x.h\"\n#include <no/none.h>\n#include \"y.h\"\n",
        ),
        ("x.h", ""),
        ("y.h", ""),
    ]);
    let listing = project.list(&["-Ione"]).unwrap();
    assert_eq!(listing.missing.as_deref(), Some(&b"no/none.h"[..]));
    // What would follow is there and not read.
    assert_eq!(
        project.shown(&listing),
        ["/", "/a.c", "/x.h", "/y.h unsent"]
    );
    assert_eq!(project.list(&["-Ione"]).unwrap(), listing);
    project.write("x.h", "int more;\n");
    let other = project.list(&["-Ione"]).unwrap();
    assert_ne!(other, listing);
    project.write("one/no/none.h", "#line 7 \"other\"\n");
    let found = project.list(&["-Ione"]).unwrap();
    assert_eq!((found.missing, found.renames), (None, true));
}

#[test]
fn old_directories_are_believed_and_new_ones_looked_at() {
    let mut project = Project::new(&[("a.c", "#include <x.h>\n"), ("two/x.h", "")]);
    fs::create_dir(project.root.join("one")).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    let one = fs::File::open(project.root.join("one")).unwrap();
    one.set_modified(long_ago).unwrap();
    let options = ["-Ione", "-Itwo"];
    let first = project.list(&options).unwrap();
    project.write("one/x.h", "");
    assert_ne!(project.list(&options).unwrap(), first);
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    // The clock of files cannot be turned back, so the files are those of this host.
    let mut project = Project::new(&[]);
    project.root = PathBuf::from("/usr/include");
    let list = |project: &mut Project, source: &str| {
        let asked = Asked {
            program: PathBuf::from("/usr/bin/gcc"),
            language: Language::C,
            options: Vec::new(),
            directory: PathBuf::from("/usr/include"),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        };
        let inputs = Inputs::default();
        let scanner = &mut project.scanner;
        scanner.listing(
            &asked,
            &inputs,
            Path::new(source),
            &project.catalogue,
            &Beside::default(),
            Instant::now(),
        )
    };
    let (first, level) = list(&mut project, "stdio.h").unwrap();
    assert_eq!(level, Level::Evaluated);
    assert!(first.files > 10, "{}", first.files);
    let (second, level) = list(&mut project, "stdio.h").unwrap();
    assert_eq!((second, level), (first, Level::Recorded));
    // A moment ago is too lately.
    let mut project = Project::new(&[("a.c", "int a;\n")]);
    for _ in 0..2 {
        assert_eq!(project.list_at(&[]).unwrap().1, Level::Evaluated);
    }
}

#[test]
fn what_changes_besides_directives_leads_nowhere_else() {
    let sources = [
        (
            "a.c",
            "#include \"x.h\"\n#ifdef B\n#include \"b.h\"\n#endif\n",
        ),
        ("x.h", "int x;\n"),
        ("b.h", ""),
    ];
    let mut project = Project::new(&sources);
    let first = project.until_recorded();
    project.write("x.h", "long x;\n// B\n");
    let (second, level) = project.list_at(&[]).unwrap();
    assert_eq!(level, Level::SameDirectives);
    assert_eq!(second.files, first.files);
    assert_ne!(second.digest, first.digest);
    for text in ["long x;\n#define B\n", "long y;\n#define B\n"] {
        let mut project = Project::new(&sources);
        project.until_recorded();
        project.write("x.h", text);
        let (third, level) = project.list_at(&[]).unwrap();
        assert_eq!((third.files, level), (first.files + 1, Level::Evaluated));
        let third = project.until_recorded();
        project.write("x.h", "int z;\n#define B\n");
        let (fourth, level) = project.list_at(&[]).unwrap();
        assert_eq!((fourth.files, level), (third.files, Level::SameDirectives));
    }
}

#[test]
fn a_precompiled_header_that_comes_later_is_noticed() {
    let mut project = Project::new(&[
        ("a.c", "#include \"x.h\"\n#include \"z.h\"\n"),
        ("x.h", "#include \"y.h\"\n"),
        ("y.h", ""),
        ("z.h", ""),
    ]);
    let before = project.until_recorded();
    assert!(!before.is_precompiled);
    project.write("x.h.gch", "");
    let (listing, level) = project.list_at(&[]).unwrap();
    assert_eq!((listing.files, level), (before.files + 1, Level::Evaluated));
    let shown = project.shown(&listing);
    assert!(listing.is_precompiled && shown.iter().any(|name| name.starts_with("/x.h.gch")));
    assert!(project.until_recorded().is_precompiled);
    // What it was not made from may change.
    project.write("z.h", "int z;\n");
    assert!(project.list(&[]).unwrap().is_precompiled);
    project.write("y.h", "int y;\n");
    let why = project.list(&[]).unwrap_err().to_string();
    assert!(why.contains("x.h.gch: older than y.h"), "{why}");
}

#[test]
fn precompiled_headers_of_which_nobody_knows_the_text_keep_jobs_here() {
    let fresh = |project: &Project, name: &str| {
        let later = SystemTime::now() + Duration::from_secs(1);
        let file = fs::File::options()
            .append(true)
            .open(project.root.join(name));
        file.unwrap().set_modified(later).unwrap();
    };
    for (name, is_fresh, why) in [
        ("x.h.gch", false, "older than ./x.h"),
        ("one/x.h.gch", true, "its text is not there"),
        ("x.h.gch/a", false, "precompiled in several ways"),
        ("a.c.gch", true, "a precompiled source"),
    ] {
        let mut project = Project::new(&[
            ("a.c", "#include <x.h>\n#include <y.h>\n"),
            (name, ""),
            ("one/y.h", ""),
            ("x.h", ""),
            ("y.h.gch", ""),
        ]);
        if is_fresh {
            fresh(&project, name);
        } else {
            std::thread::sleep(Duration::from_millis(20));
            project.write("x.h", "");
        }
        let error = project.list(&["-Ione", "-I."]).unwrap_err().to_string();
        assert!(error.contains(why), "{name}: {error}");
    }
    // gcc looks for the first header's only.
    let mut project = Project::new(&[
        ("a.c", "#include \"x.h\"\n#include \"y.h\"\n"),
        ("x.h", ""),
        ("y.h", ""),
        ("y.h.gch", ""),
    ]);
    assert!(!project.list(&[]).unwrap().is_precompiled);
}

#[test]
fn what_gcc_reads_first_is_looked_for_each_time() {
    let mut project = Project::new(&[
        ("a.c", "#ifdef FIRST\n#include \"b.h\"\n#endif\n"),
        ("b.h", ""),
        ("sys/c.h", ""),
    ]);
    let listing = project.list_with_all(&["-Isys"]).unwrap().0;
    assert!(!project.shown(&listing).contains(&"/b.h".to_owned()));
    project.write("sys/stdc-predef.h", "#define FIRST\n");
    let listing = project.list_with_all(&["-Isys"]).unwrap().0;
    let shown = project.shown(&listing);
    for name in ["/b.h", "/sys/stdc-predef.h fresh"] {
        assert!(shown.contains(&name.to_owned()), "{shown:?}");
    }
}
