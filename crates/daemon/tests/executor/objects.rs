//! What a compile makes: byte for byte what it makes at home.

use std::time::Duration;

use icecream::CompileFile;

use crate::Case;
use crate::fixture::{C, CXX, Fixture, locally, order};

pub(crate) const CASES: &[Case] = &[
    (
        "makes_the_objects_of_a_local_compile",
        makes_the_objects_of_a_local_compile,
    ),
    (
        "makes_the_same_objects_without_namespaces",
        makes_the_same_objects_without_namespaces,
    ),
    ("splits_debug_information", splits_debug_information),
    ("compiles_thirty_at_once", compiles_thirty_at_once),
];

fn makes_the_objects_of_a_local_compile(fixture: &Fixture) {
    for (compiler, language, source) in [
        ("gcc", "c", C),
        ("g++", "c++", CXX),
        ("clang", "c", C),
        ("clang", "c++", CXX),
    ] {
        let text = locally(compiler, &["-x", language, "-E", "-"], source);
        let file = CompileFile {
            lang: u32::from(language == "c++"),
            ..order(compiler, &["-O2", "-c"])
        };
        let finished = fixture
            .runtime
            .block_on(fixture.compile(file, &text))
            .unwrap();
        assert_eq!(
            finished.status,
            0,
            "{}",
            String::from_utf8_lossy(&finished.stderr)
        );
        assert!(finished.stdout.is_empty() && finished.stderr.is_empty() && finished.dwo.is_none());
        assert_eq!(finished.source_len, text.len() as u64);
        assert!(finished.usage.user > Duration::ZERO);
        let remote = finished.object.unwrap().read().unwrap();

        let output = fixture.base.path().join("local.o");
        let path = output.to_str().unwrap();
        let mut arguments = vec!["-x", language, "-O2", "-c", "-", "-o", path];
        match compiler {
            "clang" => arguments.extend(["-Xclang", "-main-file-name", "-Xclang", "source.c"]),
            _ => arguments.push("-fpreprocessed"),
        }
        locally(compiler, &arguments, &text);
        assert!(
            remote == std::fs::read(&output).unwrap(),
            "the objects of {compiler} {language} differ"
        );
    }
}

/// Where the job runs and what it is called there must not show.
fn makes_the_same_objects_without_namespaces(fixture: &Fixture) {
    const PLAIN: &[&str] = &["-O2", "-c"];
    const DEBUG: &[&str] = &["-g", "-O1", "-c"];
    const OLD_DEBUG: &[&str] = &["-gdwarf-4", "-c", "-ffunction-sections"];
    const SPLIT: &[&str] = &["-g", "-gsplit-dwarf", "-c"];
    for compiler in ["gcc", "g++", "clang", "clang++"] {
        let (language, source) = match compiler.ends_with("++") {
            true => ("c++", CXX),
            false => ("c", C),
        };
        let driver = compiler.trim_start_matches("clang++");
        let name = if driver.is_empty() { "clang" } else { compiler };
        let text = locally(name, &["-x", language, "-g", "-E", "-"], source);
        for flags in [PLAIN, DEBUG, OLD_DEBUG, SPLIT] {
            let file = CompileFile {
                lang: u32::from(language == "c++"),
                dwarf_fission: flags == SPLIT,
                ..order(name, flags)
            };
            let (usual, walled) = fixture.runtime.block_on(async {
                let usual = fixture.compile(file.clone(), &text).await.unwrap();
                (usual, fixture.installed(file, &text).await.unwrap())
            });
            for finished in [&usual, &walled] {
                let said = String::from_utf8_lossy(&finished.stderr);
                assert_eq!(finished.status, 0, "{compiler} {flags:?}: {said}");
            }
            let objects = [usual.object, walled.object].map(|file| file.unwrap().read().unwrap());
            assert!(objects[0] == objects[1], "{compiler} {flags:?}: objects");
            let debug = [usual.dwo, walled.dwo].map(|file| file.map(|file| file.read().unwrap()));
            assert!(debug[0] == debug[1], "{compiler} {flags:?}: .dwo files");
            assert_eq!(debug[0].is_some(), flags == SPLIT, "{compiler}");
        }
    }
}

fn splits_debug_information(fixture: &Fixture) {
    for compiler in ["gcc", "clang"] {
        let text = b"# 1 \"source.c\"\n# 1 \"/build/here//\"\n# 1 \"source.c\"\nint f(int x) { return x; }\n";
        let file = CompileFile {
            dwarf_fission: true,
            ..order(compiler, &["-g", "-gsplit-dwarf", "-c"])
        };
        let finished = fixture
            .runtime
            .block_on(fixture.compile(file, text))
            .unwrap();
        let said = String::from_utf8_lossy(&finished.stderr);
        assert_eq!(finished.status, 0, "{said}");
        let object = finished.object.unwrap().read().unwrap();
        let dwo = finished.dwo.unwrap().read().unwrap();
        let holds = |bytes: &[u8], text: &str| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        assert!(
            holds(&object, "obj/source.dwo") || holds(&dwo, "obj/source.dwo"),
            "{compiler}"
        );
        assert!(holds(&object, "/build/here"), "{compiler}");
        assert!(
            !holds(&object, "floe-mirror") && !holds(&dwo, "floe-mirror"),
            "{compiler}"
        );
    }
}

fn compiles_thirty_at_once(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        let text = locally("gcc", &["-E", "-x", "c", "-"], C);
        let orders = (0..30).map(|_| fixture.compile(order("gcc", &["-O1", "-c"]), &text));
        let mut objects = Vec::new();
        for finished in join_all(orders).await {
            objects.push(finished.unwrap().object.unwrap().read().unwrap());
        }
        assert!(objects.windows(2).all(|pair| pair[0] == pair[1]));
    });
}

/// Polls all of them at once.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in &mut waiting {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    waiting
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}
