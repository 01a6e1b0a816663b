//! What the daemon makes of hostile compilers: their words, their objects, their time.

use std::io::Read as _;
use std::time::{Duration, Instant};

use daemon::executor::{Bounds, Executor, Failure, Finished, Order, Setback, Source};
use icecream::CompileFile;
use rustix::fs::{Mode, OFlags, openat};
use sandbox::{Protection, Rung};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::Case;
use crate::stage::{Setting, Stage};

/// With an executor these start threads, so they come last.
pub(crate) const CASES: &[Case] = &[
    ("drowns_nobody_in_words", drowns_nobody_in_words),
    (
        "passes_no_link_off_as_an_object",
        passes_no_link_off_as_an_object,
    ),
    ("takes_no_longer_than_it_may", takes_no_longer_than_it_may),
];

/// Has the daemon's executor run one of the attacks as a compiler.
fn compile(stage: &Stage, compiler: &str, bounds: Bounds) -> Result<Finished, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = stage.client(Protection::full(), Rung::Namespaces);
    let executor = Executor::new(client, stage.base.path()).unwrap();
    let order = Order::try_from(CompileFile {
        lang: 0,
        job_id: 1,
        flags: vec![b"-c".to_vec()],
        env_version: "test".into(),
        target_platform: "x86_64".into(),
        compiler_name: compiler.into(),
        input_file: b"a.c".to_vec(),
        working_dir: b"/build".to_vec(),
        output_file: b"a.o".to_vec(),
        dwarf_fission: false,
    })
    .unwrap();
    runtime.block_on(async {
        let (sender, receiver) = mpsc::channel(2);
        sender.send(Source::End).await.unwrap();
        let result = executor.run(order, stage.root(), receiver, bounds).await;
        let begun = Instant::now();
        while !stage.jobs(Protection::full(), Rung::Namespaces).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(1), "{compiler}");
            sleep(Duration::from_millis(5)).await;
        }
        result
    })
}

fn drowns_nobody_in_words(stage: &Stage) {
    let finished = compile(stage, "flood", Bounds::default()).unwrap();
    assert_eq!(
        finished.setback,
        Some(Setback::Shown(job::Trouble::Messages))
    );
    assert!(finished.stdout.is_empty());
    let credulous = Bounds {
        said: usize::MAX,
        ..Bounds::default()
    };
    let finished = compile(stage, "flood", credulous).unwrap();
    assert_eq!(finished.stdout.len(), 32 << 20);
}

fn passes_no_link_off_as_an_object(stage: &Stage) {
    let result = compile(stage, "swap", Bounds::default());
    assert!(matches!(result, Err(Failure::NoObject)), "{result:?}");
    // What reading the job's directory without care would give away.
    let setting = Setting::new(Protection::full());
    let report = stage.attack(setting, &["swap", "-o", "/tmp/out.o"]);
    let directory = report.files.directory().unwrap();
    let file = openat(
        directory,
        "out.o",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let mut text = String::new();
    std::fs::File::from(file.unwrap())
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.contains("root:x:0"), "{text}");
}

fn takes_no_longer_than_it_may(stage: &Stage) {
    let short = Bounds {
        deadline: Duration::from_millis(200),
        ..Bounds::default()
    };
    let result = compile(stage, "endless", short);
    assert!(matches!(result, Err(Failure::Deadline)), "{result:?}");
    // It would go on.
    let mut play = stage.start(Setting::new(Protection::full()), &["endless"]);
    play.says();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let still = runtime.block_on(async {
        let ended = async {
            while matches!(play.running.try_read_outcome(), Ok(None)) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_millis(400), ended).await
    });
    assert!(still.is_err());
}
