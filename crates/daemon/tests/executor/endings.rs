//! How a compiler ends, and what is made of that.

use daemon::executor::{Bounds, Finished, Order, Room, STATUS_KILLED, Setback, Source};
use icecream::CompileFile;
use job::Trouble;
use sandbox::Limits;
use tokio::sync::mpsc;

use crate::Case;
use crate::fixture::{CXX, Fixture, locally, order};

pub(crate) const CASES: &[Case] = &[
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
];

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
