use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::{
    Block, Chain, Compiler, Dialect, DirectoryId, Facts, FileId, Found, Library, Name, Reached,
    Source, Tree, evaluate,
};

/// Files by directory and name. A file's number is its place in the list.
struct Memory {
    files: Vec<(u32, &'static str, &'static str)>,
    blocks: HashMap<FileId, Arc<Block>>,
}

impl Tree for Memory {
    fn find(&mut self, directory: DirectoryId, name: Name, library: &Library) -> Found {
        let is_it = |(there, known, _): &(u32, &str, &str)| {
            *there == directory.0 && known.as_bytes() == library.spelling(name)
        };
        match self.files.iter().position(is_it) {
            Some(at) => Found::File(FileId(u32::try_from(at).unwrap_or(0))),
            None => Found::Nothing,
        }
    }

    fn parent(&mut self, file: FileId) -> DirectoryId {
        DirectoryId(self.files[file.0 as usize].0)
    }

    fn block(&mut self, file: FileId, library: &mut Library) -> Option<Arc<Block>> {
        let text = self.files.get(file.0 as usize)?.2;
        let block = self.blocks.entry(file);
        Some(Arc::clone(
            block.or_insert_with(|| Arc::new(library.block(text.as_bytes()))),
        ))
    }

    fn once(&mut self, file: FileId) -> u64 {
        u64::from(file.0)
    }

    fn spelled(&mut self, file: FileId) -> Vec<u8> {
        self.files[file.0 as usize].1.as_bytes().to_vec()
    }
}

fn facts(text: &str) -> Facts {
    Library::new(Dialect::GNU_C).block(text.as_bytes()).facts()
}

/// The names in a text: `"x"` or `<x>`, with `+` before those that are looked for further on.
fn names(text: &str) -> BTreeSet<String> {
    let mut library = Library::new(Dialect::GNU_C);
    let block = library.block(text.as_bytes());
    let spelled = block.spelled().iter().map(|spelled| {
        let name = String::from_utf8_lossy(library.spelling(spelled.name));
        let next = if spelled.is_next { "+" } else { "" };
        match spelled.is_angled {
            true => format!("{next}<{name}>"),
            false => format!("{next}\"{name}\""),
        }
    });
    let all: BTreeSet<String> = spelled.clone().collect();
    assert_eq!(all.len(), spelled.count(), "each once");
    all
}

fn set(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn names_of_all_branches_are_told() {
    let text = "#if 0\n#include <dead>\n# include_next \"next\"\n#else\n#import \"live\"\n#endif\n\
        #include <dead> // again\n#if FOO && __has_include(<a/b>)\n#elif __has_include_next(\"c\")\n#endif\n\
        #define HAS_D __has_include(<d>)\n";
    let wanted = set(&["<dead>", "+\"next\"", "\"live\"", "<a/b>", "+\"c\"", "<d>"]);
    assert_eq!(names(text), wanted);
    assert!(!facts(text).computes);
}

#[test]
fn names_that_do_not_stand_there_are_a_fact() {
    assert!(facts("#if 0\n#include NAME\n#endif\n").computes);
    assert!(facts("#if 0\n#if __has_include(NAME)\n#endif\n#endif\n").computes);
    assert!(facts("#define HAS(x) __has_include(x)\n").computes);
    assert!(facts("#define HAS __has_include\n").computes);
    assert!(!facts("#ifdef __has_include\n#endif\n").computes);
    assert!(!facts("#if defined(__has_include) && defined __has_include_next\n#endif\n").computes);
    assert!(!facts("#define __has_include(x) 0\n").computes);
    assert!(!facts("int a; // #include NAME\n").computes);
}

#[test]
fn other_inputs_are_facts() {
    assert!(facts("#if 0\n#embed <x>\n#endif\n").embeds);
    assert!(facts("#if __has_embed(<x>)\n#endif\n").embeds);
    assert!(!facts("#if defined(__has_embed)\n#endif\n").embeds);
    assert!(facts("asm(\".include \\\"x.s\\\"\");\n").includes_assembly);
    assert!(facts("asm(\".incbin \\\"x\\\"\");\n").includes_binary);
    let none = facts("#include \"x\"\nint a;\n");
    assert_eq!(none, Facts::default());
}

/// The source is in directory 0; 1 is for quoted names, 2 and 3 for all.
fn reached(files: Vec<(u32, &'static str, &'static str)>) -> (Reached, Chain, Memory, Library) {
    let mut tree = Memory {
        files,
        blocks: HashMap::new(),
    };
    let mut library = Library::new(Dialect::GNU_C);
    let chain = Chain {
        directories: [1, 2, 3].map(DirectoryId).to_vec(),
        angled: 1,
        ignores_source_directory: false,
    };
    let source = Source {
        file: FileId(0),
        presets: &[],
        compiler: &Compiler::default(),
        chain: &chain,
        directory: DirectoryId(0),
        preincluded: &[],
    };
    let reached = evaluate(source, &mut tree, &mut library).expect("known");
    (reached, chain, tree, library)
}

#[test]
fn every_place_is_told_once() {
    let (reached, chain, mut tree, library) = reached(vec![
        (
            0,
            "main.c",
            "#include \"a.h\"\n#if 0\n#include <b.h>\n#endif\n",
        ),
        (
            3,
            "a.h",
            "#if 0\n#include \"b.h\"\n#include \"/abs.h\"\n#include_next <n.h>\n#endif\n",
        ),
        (2, "b.h", "#include <never>\n"),
    ]);
    assert_eq!(reached.blocks.len(), 2, "b.h is not read");
    let places = reached.spelled(&chain, &mut tree, &library);
    let told = |probe: &crate::Probe| {
        let name = String::from_utf8_lossy(library.spelling(probe.name));
        format!("{}:{name}", probe.directory.0)
    };
    let all: BTreeSet<String> = places.iter().map(told).collect();
    assert_eq!(all.len(), places.len());
    let wanted = set(&[
        "0:a.h", "1:a.h", "2:a.h", "3:a.h", "1:b.h", "2:b.h", "3:b.h", "3:/abs.h", "1:n.h",
        "2:n.h", "3:n.h",
    ]);
    assert_eq!(all, wanted);
    for probe in &reached.probes {
        assert!(places.contains(probe), "{}", told(probe));
    }
}
