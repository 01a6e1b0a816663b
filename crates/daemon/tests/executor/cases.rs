//! One function per promise.

use std::path::Path;
use std::time::{Duration, Instant};

use daemon::executor::{
    BadOrder, Bounds, Failure, Finished, Order, Overseer, Room, STATUS_KILLED, Setback, Source,
};
use icecream::CompileFile;
use job::Trouble;
use sandbox::Limits;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::fixture::{Fixture, locally, order};

type Case = fn(&Fixture);

pub(crate) const ALL: &[(&str, Case)] = &[
    (
        "makes_the_objects_of_a_local_compile",
        makes_the_objects_of_a_local_compile,
    ),
    (
        "makes_the_same_objects_without_namespaces",
        makes_the_same_objects_without_namespaces,
    ),
    (
        "takes_only_its_own_toolchains_without_namespaces",
        takes_only_its_own_toolchains_without_namespaces,
    ),
    ("splits_debug_information", splits_debug_information),
    ("reports_errors_of_the_source", reports_errors_of_the_source),
    (
        "answers_only_after_the_source",
        answers_only_after_the_source,
    ),
    (
        "flags_compilers_without_memory",
        flags_compilers_without_memory,
    ),
    (
        "flags_compilers_that_were_killed",
        flags_compilers_that_were_killed,
    ),
    (
        "tells_apart_what_ended_a_compiler",
        tells_apart_what_ended_a_compiler,
    ),
    (
        "flags_compilers_that_say_too_much",
        flags_compilers_that_say_too_much,
    ),
    (
        "cleans_up_behind_an_abandoned_job",
        cleans_up_behind_an_abandoned_job,
    ),
    ("freezes_what_runs", freezes_what_runs),
    (
        "evicts_what_has_ended_before_its_source",
        evicts_what_has_ended_before_its_source,
    ),
    ("gives_up_on_clients", gives_up_on_clients),
    (
        "says_when_a_toolchain_is_broken",
        says_when_a_toolchain_is_broken,
    ),
    ("refuses_strange_orders", refuses_strange_orders),
    ("verifies_toolchains", verifies_toolchains),
    ("compiles_thirty_at_once", compiles_thirty_at_once),
];

const C: &[u8] = b"#include <stdio.h>\nint main(void) { return printf(\"%d\", 7); }\n";
const CXX: &[u8] =
    b"#include <string>\n#include <vector>\nstd::vector<std::string> all(10, \"x\");\n";

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

fn takes_only_its_own_toolchains_without_namespaces(fixture: &Fixture) {
    let root = fixture.root("gcc");
    let unread = fixture
        .runtime
        .block_on(fixture.walled.verify(root.clone()));
    assert!(
        matches!(unread, Err(Failure::NotInstalled(_))),
        "{unread:?}"
    );
    let other = daemon::executor::Toolchain {
        root,
        identity: Some(toolchain::Identity(job::Digest::from_bytes([1; 32]))),
    };
    let refused = fixture.runtime.block_on(fixture.walled.verify(other));
    let said = refused.unwrap_err().to_string();
    for part in [
        "/usr/bin/gcc is another one",
        "install the same packages",
        "floe doctor",
    ] {
        assert!(said.contains(part), "{said}");
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

fn reports_errors_of_the_source(fixture: &Fixture) {
    let finished = fixture
        .runtime
        .block_on(fixture.compile(order("gcc", &["-c"]), b"int x = y;\n"))
        .unwrap();
    assert_eq!((finished.status, finished.out_of_memory), (1, false));
    assert!(finished.object.is_none());
    assert!(String::from_utf8_lossy(&finished.stderr).contains("undeclared"));
}

/// The compiler ends at once, the client sends on.
fn answers_only_after_the_source(fixture: &Fixture) {
    let order = Order::try_from(order("gcc", &["-c", "-fno-such-option"])).unwrap();
    let (sender, receiver) = mpsc::channel(1);
    fixture.runtime.block_on(async {
        let running =
            fixture
                .executor
                .clone()
                .run(order, fixture.root("gcc"), receiver, Bounds::default());
        let running = tokio::spawn(running);
        for _ in 0..50 {
            sender
                .send(Source::Text(vec![b' '; 100_000]))
                .await
                .unwrap();
        }
        assert!(!running.is_finished());
        sender.send(Source::End).await.unwrap();
        let finished = running.await.unwrap().unwrap();
        assert_eq!((finished.status, finished.source_len), (1, 5_000_000));
    });
}

fn bounds(limits: Limits) -> Bounds {
    Bounds {
        limits,
        ..Bounds::default()
    }
}

fn flags_compilers_without_memory(fixture: &Fixture) {
    let text = locally("g++", &["-E", "-x", "c++", "-"], CXX);
    let small = bounds(Limits {
        address_space: Some(60 << 20),
        ..Limits::default()
    });
    let finished = fixture
        .runtime
        .block_on(fixture.bounded(order("g++", &["-c"]), &text, small))
        .unwrap();
    assert!(finished.out_of_memory, "{finished:?}");
    assert_eq!(trouble(&finished), Some(Trouble::Memory));
    assert_eq!(
        (finished.status, finished.object.is_none()),
        (STATUS_KILLED, true)
    );
}

/// By a limit here. gcc's driver survives the compiler proper, clang is one process.
fn flags_compilers_that_were_killed(fixture: &Fixture) {
    // Twice the work with each step down.
    let source = "template<int N, int M> struct T { T<N - 1, 2 * M> a; T<N - 1, 2 * M + 1> b; };\n\
                  template<int M> struct T<0, M> {};\nT<24, 1> t;\n";
    let short = bounds(Limits {
        cpu_seconds: Some(1),
        ..Limits::default()
    });
    for compiler in ["g++", "clang"] {
        let file = CompileFile {
            lang: 1,
            ..order(compiler, &["-c"])
        };
        let finished = fixture
            .runtime
            .block_on(fixture.bounded(file, source.as_bytes(), short))
            .unwrap();
        assert!(finished.out_of_memory, "{compiler}: {finished:?}");
        assert_eq!(finished.status, STATUS_KILLED);
        assert_eq!(trouble(&finished), Some(Trouble::Processor), "{compiler}");
    }
}

fn trouble(finished: &Finished) -> Option<Trouble> {
    finished.setback.map(Setback::trouble)
}

/// Each is answered so that the client compiles again, and none is called a lack of memory.
fn tells_apart_what_ended_a_compiler(fixture: &Fixture) {
    const LARGE: &[u8] = b"char a[9000000] = {1};\n";
    let narrow = bounds(Limits {
        file_size: Some(1 << 20),
        ..Limits::default()
    });
    let full = Bounds {
        room: Room {
            bytes: 1 << 20,
            files: 64,
        },
        ..Bounds::default()
    };
    let crash: &[u8] = b"#pragma clang __debug crash\n";
    for (compiler, source, bounds, expected) in [
        ("gcc", LARGE, narrow, Trouble::FileSize),
        ("clang", LARGE, narrow, Trouble::FileSize),
        ("gcc", LARGE, full, Trouble::Disk),
        ("clang", LARGE, full, Trouble::Disk),
        ("clang", crash, Bounds::default(), Trouble::Crashed),
    ] {
        let finished = fixture
            .runtime
            .block_on(fixture.bounded(order(compiler, &["-c"]), source, bounds))
            .unwrap();
        assert_eq!(
            trouble(&finished),
            Some(expected),
            "{compiler}: {finished:?}"
        );
        assert!(finished.out_of_memory && finished.status == STATUS_KILLED);
    }
}

fn flags_compilers_that_say_too_much(fixture: &Fixture) {
    let source: String = (0..20_000).map(|n| format!("int a{n} = b{n};\n")).collect();
    let file = order("gcc", &["-c", "-fmax-errors=0"]);
    let finished = fixture
        .runtime
        .block_on(fixture.compile(file, source.as_bytes()))
        .unwrap();
    assert!(finished.out_of_memory, "{}", finished.stderr.len());
}

fn cleans_up_behind_an_abandoned_job(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        let order = Order::try_from(order("gcc", &["-c"])).unwrap();
        let (sender, receiver) = mpsc::channel(1);
        let running =
            fixture
                .executor
                .clone()
                .run(order, fixture.root("gcc"), receiver, Bounds::default());
        let running = tokio::spawn(running);
        sender.send(Source::Text(b"int x;".to_vec())).await.unwrap();
        sender.send(Source::Text(b"int y;".to_vec())).await.unwrap();
        let wait_for = async |count| {
            let begun = Instant::now();
            while fixture.jobs() != count {
                assert!(begun.elapsed() < Duration::from_secs(5), "{count}");
                sleep(Duration::from_millis(1)).await;
            }
        };
        wait_for(1).await;
        running.abort();
        wait_for(0).await;
    });
}

fn freezes_what_runs(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        let order = Order::try_from(order("gcc", &["-c"])).unwrap();
        let (sender, receiver) = mpsc::channel(4);
        let bounds = Bounds {
            deadline: Duration::from_millis(1500),
            ..Bounds::default()
        };
        fixture.executor.freeze(true);
        let running = fixture
            .executor
            .clone()
            .run(order, fixture.root("gcc"), receiver, bounds);
        let mut running = tokio::spawn(running);
        sender.send(Source::Text(b"int x;".to_vec())).await.unwrap();
        sender.send(Source::End).await.unwrap();
        // Longer than the deadline, which it does not reach.
        let frozen = timeout(Duration::from_millis(1800), &mut running).await;
        assert!(frozen.is_err(), "{frozen:?}");
        fixture.executor.freeze(false);
        let finished = running.await.unwrap().unwrap();
        assert_eq!(finished.status, 0);
    });
}

fn evicts_what_has_ended_before_its_source(fixture: &Fixture) {
    // It ends at once, and reads nothing.
    let order = Order::try_from(order("gcc", &["-c", "-fno-such-option"])).unwrap();
    let (_source, receiver) = mpsc::channel(4);
    let (evict, evicted) = oneshot::channel();
    let (used, mut uses) = watch::channel(1);
    let running = fixture.executor.clone().run_overseen(
        order,
        fixture.root("gcc"),
        receiver,
        Bounds::default(),
        Overseer { used, evicted },
    );
    let failure = fixture.runtime.block_on(async {
        let eviction = async {
            let freed = uses.wait_for(|&bytes| bytes == 0).await.is_ok();
            assert!(freed, "it ended by itself");
            drop(evict);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = timeout(Duration::from_secs(20), running) => result.unwrap().unwrap_err(),
            () = eviction => unreachable!(),
        }
    });
    assert!(matches!(failure, Failure::Evicted), "{failure}");
}

fn gives_up_on_clients(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        let start = |bounds| {
            let order = Order::try_from(order("gcc", &["-c"])).unwrap();
            let (sender, receiver) = mpsc::channel(4);
            (
                sender,
                fixture
                    .executor
                    .clone()
                    .run(order, fixture.root("gcc"), receiver, bounds),
            )
        };
        let (sender, running) = start(Bounds::default());
        drop(sender);
        assert!(matches!(running.await, Err(Failure::ClientGone)));

        let (sender, running) = start(Bounds {
            source_gap: Duration::from_millis(50),
            ..Bounds::default()
        });
        assert!(matches!(running.await, Err(Failure::SourceStalled)));
        drop(sender);

        let (sender, running) = start(Bounds {
            deadline: Duration::from_millis(50),
            ..Bounds::default()
        });
        assert!(matches!(running.await, Err(Failure::Deadline)));
        drop(sender);
    });
}

fn says_when_a_toolchain_is_broken(fixture: &Fixture) {
    let failure = fixture
        .runtime
        .block_on(fixture.compile(order("gcc-99", &["-c"]), b""))
        .unwrap_err();
    assert!(failure.toolchain_is_broken(), "{failure}");
    assert_eq!(failure.code(), 110);
    assert!(
        failure.to_string().starts_with("compiler did not start"),
        "{failure}"
    );
}

fn refuses_strange_orders(fixture: &Fixture) {
    let failure = fixture
        .runtime
        .block_on(fixture.compile(order("../gcc", &["-c"]), b""))
        .unwrap_err();
    assert!(
        matches!(failure, Failure::Order(BadOrder::Compiler(_))),
        "{failure}"
    );
}

fn verifies_toolchains(fixture: &Fixture) {
    fixture.runtime.block_on(async {
        assert!(fixture.executor.verify(fixture.root("gcc")).await.unwrap());
        let failure = fixture
            .executor
            .verify(Path::new("/nowhere").to_owned())
            .await
            .unwrap_err();
        assert!(failure.toolchain_is_broken(), "{failure}");
    });
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
