//! What is remembered changes no answer: random sources over random headers that change now and then,
//! with the memory of all before and without any.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use crate::{
    Block, Chain, Compiler, Dialect, DirectoryId, FileId, Found, Library, Name, Preset, Reached,
    Source, Tree, Unknown, evaluate,
};

const DIRECTORIES: u32 = 3;
const HEADERS: u32 = 9;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 33).unwrap_or(0) % sides
    }
}

/// Header `h3` in directory 1 is file 1 * HEADERS + 3; an empty text is no file.
#[derive(Clone, Default)]
struct Shelf {
    texts: Vec<String>,
    blocks: HashMap<u32, Arc<Block>>,
}

impl Tree for Shelf {
    fn find(&mut self, directory: DirectoryId, name: Name, library: &Library) -> Found {
        let name = String::from_utf8_lossy(library.spelling(name));
        let number = name.strip_prefix('h').and_then(|text| text.parse().ok());
        let at = number.map(|number: u32| directory.0 * HEADERS + number);
        let at = at.filter(|_| directory.0 < DIRECTORIES);
        match at.filter(|at| !self.texts[*at as usize].is_empty()) {
            Some(at) => Found::File(FileId(at)),
            None => Found::Nothing,
        }
    }

    fn parent(&mut self, file: FileId) -> DirectoryId {
        DirectoryId(file.0 / HEADERS)
    }

    fn block(&mut self, file: FileId, library: &mut Library) -> Option<Arc<Block>> {
        let text = self.texts[file.0 as usize].as_bytes();
        let block = self.blocks.entry(file.0);
        Some(Arc::clone(
            block.or_insert_with(|| Arc::new(library.block(text))),
        ))
    }

    fn once(&mut self, file: FileId) -> u64 {
        // Equal texts are one file, as for gcc.
        let text = &self.texts[file.0 as usize];
        let mut texts = self.texts.iter();
        texts.position(|other| other == text).unwrap_or(0) as u64
    }

    fn spelled(&mut self, file: FileId) -> Vec<u8> {
        format!("h{}", file.0).into_bytes()
    }
}

fn text(dice: &mut Dice, is_source: bool) -> String {
    let mut text = String::new();
    let mut open = 0;
    let guard = dice.roll(3);
    let own = dice.roll(1000);
    match guard {
        0 => text += "#pragma once\n",
        1 => {
            let _ = writeln!(text, "#ifndef GUARD{own}\n#define GUARD{own}");
            open += 1;
        }
        _ => {}
    }
    for _ in 0..3 + dice.roll(8) {
        let name = dice.roll(6);
        let header = dice.roll(HEADERS);
        let _ = match dice.roll(if is_source { 40 } else { 36 }) {
            0..6 => writeln!(text, "#define M{name} {}", dice.roll(3)),
            6..8 => writeln!(text, "#undef M{name}"),
            8..10 => writeln!(text, "#define M{name} M{}", dice.roll(6)),
            10..13 => {
                open += 1;
                writeln!(text, "#if M{name} == {}", dice.roll(3))
            }
            13..15 => {
                open += 1;
                writeln!(text, "#ifdef M{name}")
            }
            15 => {
                open += 1;
                writeln!(text, "#if __INCLUDE_LEVEL__ > {}", dice.roll(4))
            }
            16..18 => {
                open += 1;
                writeln!(text, "#if __has_include(\"h{header}\")")
            }
            18 if open > 0 => writeln!(text, "#elif defined M{name}"),
            19..22 if open > 0 => {
                open -= 1;
                writeln!(text, "#endif")
            }
            22 => writeln!(text, "#pragma push_macro(\"M{}\")", name % 2),
            23..25 => writeln!(text, "#pragma pop_macro(\"M{}\")", name % 2),
            25 => writeln!(text, "#import <h{header}>"),
            26 => writeln!(text, "#define H \"h{header}\"\n#include H"),
            27 => writeln!(
                text,
                "#if __has_include_next(<h{header}>)\n#include_next <h{header}>\n#endif"
            ),
            28..32 => writeln!(text, "#include <h{header}>"),
            _ => writeln!(text, "#include \"h{header}\""),
        };
    }
    text + &"#endif\n".repeat(open)
}

/// Where the compiler may look twice is passed over: including oneself for ever is no answer.
#[derive(Debug, PartialEq)]
struct Answer {
    files: Vec<FileId>,
    entered: BTreeSet<FileId>,
    blocks: Vec<FileId>,
    probes: BTreeSet<(u32, Vec<u8>)>,
    facts: crate::Facts,
    missing: Option<Vec<u8>>,
}

fn answer(said: Result<Reached, Unknown>, library: &Library) -> Result<Answer, Unknown> {
    said.map(|reached| Answer {
        files: reached.files,
        entered: reached.entered.into_iter().collect(),
        blocks: reached.blocks.iter().map(|(file, _)| *file).collect(),
        probes: reached
            .probes
            .iter()
            .map(|probe| (probe.directory.0, library.spelling(probe.name).to_vec()))
            .collect(),
        facts: reached.facts,
        missing: reached.missing,
    })
}

struct Reader {
    library: Library,
    compiler: Compiler,
    shelf: Shelf,
}

impl Reader {
    fn new() -> Self {
        let mut library = Library::new(Dialect::GNU_C);
        let stdout = b"floe_knows 3\nfloe_knows 4\n";
        let stderr = b"#include \"...\" search starts here:\n#include <...> search starts here:\nEnd of search list.\n";
        let compiler = Compiler::read(stdout, stderr, &[], &mut library).expect("an answer");
        Self {
            library,
            compiler,
            shelf: Shelf::default(),
        }
    }

    fn read(&mut self, presets: &[Preset]) -> Result<Answer, Unknown> {
        let chain = Chain {
            directories: (0..DIRECTORIES).map(DirectoryId).collect(),
            angled: 1,
            ignores_source_directory: false,
        };
        let source = Source {
            file: FileId(DIRECTORIES * HEADERS),
            presets,
            compiler: &self.compiler,
            chain: &chain,
            directory: DirectoryId(DIRECTORIES - 1),
            preincluded: &[],
        };
        let said = evaluate(source, &mut self.shelf, &mut self.library);
        answer(said, &self.library)
    }

    fn put(&mut self, at: u32, text: &str) {
        self.shelf.texts[at as usize] = text.to_owned();
        self.shelf.blocks.remove(&at);
    }
}

#[test]
fn memory_changes_no_answer() {
    let (mut known, mut repeated) = (0, 0);
    for seed in 1..150_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut old, mut new) = (Reader::new(), Reader::new());
        new.library.forget();
        let source = DIRECTORIES * HEADERS;
        for reader in [&mut old, &mut new] {
            reader.shelf.texts = vec![String::new(); source as usize + 1];
        }
        for round in 0..30 {
            let changed: Vec<u32> = match round {
                0 => (0..source).filter(|_| dice.roll(3) > 0).collect(),
                _ => (0..source).filter(|_| dice.roll(20) == 0).collect(),
            };
            for at in changed {
                // Now and then one is gone, or the same as another.
                let text = match dice.roll(8) {
                    0 => String::new(),
                    1..4 => old.shelf.texts[dice.roll(source) as usize].clone(),
                    _ => text(&mut dice, false),
                };
                old.put(at, &text);
                new.put(at, &text);
            }
            let text = text(&mut dice, true);
            old.put(source, &text);
            new.put(source, &text);
            let preset = format!("M{}={}", dice.roll(6), dice.roll(3)).into_bytes();
            let presets = [Preset::Define(preset)];
            let (with, without) = (old.read(&presets), new.read(&presets));
            assert_eq!(with, without, "seed {seed}, round {round}:\n{text}");
            known += usize::from(with.is_ok());
            repeated += old.library.memory.repeated;
            old.library.memory.repeated = 0;
        }
    }
    println!("{known} known, {repeated} repeated");
    assert!(known > 1000 && repeated > 1000, "{known}, {repeated}");
}
