//! Precompiled headers: made here, and used only here.

use std::fs;

use anyhow::Result;
use compliance::bed::{Bed, COMMAND, succeeded};
use compliance::block::{self, Place, ROW, Row, With};
use compliance::{Case, need::Need};
use lab::Suite::Floe;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = block::cases(ROWS);
    cases.extend(block::cases(PLUGIN));
    cases
}

const WHY: &str = "the command names a precompiled header: only the local compiler reads those";

const ROWS: &[Row] = &[
    Row {
        id: "T59",
        title: "a precompiled header is made",
        command: "CXX -Wall -Werror -x c++-header precompiled.h -o precompiled.h.gch",
        outputs: &["precompiled.h.gch"],
        place: Place::Local,
        ..ROW
    },
    Row {
        id: "T60",
        title: "-include of a header of which only the precompiled form exists",
        command: "CXX -Wall -Werror -c uses_precompiled.cpp -include only.h -o uses_precompiled.o",
        outputs: &["uses_precompiled.o"],
        prepare: Some(|bed, with| precompile(bed, with, "only.h.gch")),
        instead: Some((Floe, With::Both, Place::Local, WHY)),
        ..ROW
    },
    Row {
        id: "T61",
        title: "-include-pch",
        with: With::Clang,
        command: "CXX -Wall -Werror -c uses_precompiled.cpp -include-pch only.pch -o uses_precompiled.o",
        outputs: &["uses_precompiled.o"],
        prepare: Some(|bed, with| precompile(bed, with, "only.pch")),
        instead: Some((Floe, With::Both, Place::Local, WHY)),
        ..ROW
    },
];

/// Precompiles the header that the source includes too, under another name.
fn precompile(bed: &mut Bed, with: With, name: &str) -> Result<()> {
    let work = bed.work()?.to_owned();
    let _ = fs::remove_file(work.join(name));
    let compiler = if with == With::Clang {
        "clang++"
    } else {
        "g++"
    };
    let made = bed
        .plain(compiler)?
        .args([
            "-Wall",
            "-Werror",
            "-x",
            "c++-header",
            "precompiled.h",
            "-o",
            name,
        ])
        .run(COMMAND)?;
    succeeded(&made)
}

const PLUGIN_HEADERS: &str = "/usr/lib/llvm-14/include/clang/AST/ASTConsumer.h";

const PLUGIN: &[Row] = &[Row {
    id: "T63",
    title: "a plugin that reads a further file",
    with: With::Clang,
    command: "CXX -Wall -c warn_of_me.cpp -Xclang -load -Xclang WORK/plugin.so -Xclang -add-plugin -Xclang compliance \
              -Xclang -plugin-arg-compliance -Xclang WORK/extra.txt -o warn_of_me.o",
    outputs: &["warn_of_me.o"],
    environment: &[("ICECC_EXTRAFILES", "WORK/extra.txt")],
    prepare: Some(build_plugin),
    needs: Some(Need::File(PLUGIN_HEADERS, "libclang-14-dev")),
    ..ROW
}];

fn build_plugin(bed: &mut Bed, _: With) -> Result<()> {
    if bed.work()?.join("plugin.so").exists() {
        return Ok(());
    }
    let built = bed
        .plain("clang++")?
        .args([
            "-std=c++14",
            "-fno-rtti",
            "-fPIC",
            "-shared",
            "-I/usr/lib/llvm-14/include",
        ])
        .args([
            "-D_GNU_SOURCE",
            "-D__STDC_CONSTANT_MACROS",
            "-D__STDC_FORMAT_MACROS",
            "-D__STDC_LIMIT_MACROS",
        ])
        .args(["plugin.cpp", "-o", "plugin.so"])
        .run(COMMAND)?;
    succeeded(&built)
}
