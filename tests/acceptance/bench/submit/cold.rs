//! One source whose headers no executor has, at the end of a long link.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::LinkSpec;

use super::manner::{Manner, Rig};
use crate::Options;
use crate::builds::plain_lab;
use crate::repeat;
use crate::table::{Columns, median};

const HEADERS: usize = 700;

/// 50 ms there and back at 100 Mbit/s.
fn link() -> LinkSpec {
    LinkSpec {
        delay: Duration::from_millis(25),
        rate: Some(100_000_000),
        ..LinkSpec::default()
    }
}

pub(super) fn measure(options: &Options, manners: &[Manner], table: &mut Columns) -> Result<()> {
    let directory = acceptance::project::workshop("cold")?;
    let rounds = options.rounds.clamp(1, 5) as usize;
    let mut figures = Vec::new();
    for manner in manners {
        let rig = Rig::new(*manner, Some(link()))?;
        let mut added = Vec::new();
        for round in 0..rounds {
            let name = format!("{}{round}", manner.word());
            let tree = directory.join(&name);
            // Another text each time: what was seen before is not cold.
            write(&tree, &name)?;
            added.push(compile(&rig, &tree)? - alone(&tree)?);
        }
        figures.push(median(&added));
    }
    let what =
        format!("one cold source with {HEADERS} headers, 50 ms, 100 Mbit/s, above its compile");
    table.row(&what, "ms", &figures, "≤ 500");
    Ok(())
}

const WORDS: [&str; 9] = [
    "gcc",
    "-std=gnu11",
    "-O1",
    "-I.",
    "-I..",
    "-c",
    "main.c",
    "-o",
    "main.o",
];

fn compile(rig: &Rig, tree: &Path) -> Result<f64> {
    let wrapper = rig.wrapper()?.display().to_string();
    let words: Vec<&str> = std::iter::once(wrapper.as_str()).chain(WORDS).collect();
    let took = repeat::on(|me| Ok(rig.client(me)?.dir(tree)), 1, &words)?;
    took.first().copied().context("nothing was measured")
}

fn alone(tree: &Path) -> Result<f64> {
    let plain = plain_lab()?;
    let host = plain.hosts().first().context("a lab without hosts")?;
    let took = repeat::on(|me| Ok(host.command(me).dir(tree)), 3, &WORDS)?;
    median(&took).context("nothing was measured")
}

/// Headers of some two kilobytes, as projects have them.
fn write(tree: &Path, salt: &str) -> Result<()> {
    let headers = tree.join("include");
    fs::create_dir_all(&headers)?;
    let mut main = String::new();
    for number in 0..HEADERS {
        let mut text = format!("#ifndef H_{number}\n#define H_{number}\n/* {salt} */\n");
        for line in 0..24 {
            let member = format!("int value_{number}_{line}; unsigned long other_{number}_{line};");
            text += &format!("struct record_{number}_{line} {{ {member} }};\n");
        }
        text += "#endif\n";
        fs::write(headers.join(format!("part{number}.h")), text)?;
        main += &format!("#include \"include/part{number}.h\"\n");
    }
    main += "int main(void) { return 0; }\n";
    fs::write(tree.join("main.c"), main)?;
    Ok(())
}
