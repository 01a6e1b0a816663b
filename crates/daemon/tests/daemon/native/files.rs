//! Jobs that read a member's files where they are, with the real compiler beside the local one.

mod author;
mod programs;
mod rules;

use wire::message::OutputKind;

use self::author::{Author, Project, text};
use super::cluster::{Executor, Reply};

const SOURCE: &str =
    "#include \"one.h\"\n#include \"sub/two.h\"\nint main(void) { return ONE + two(); }\n";

fn project() -> Project {
    let project = Project::new();
    project.write("src/main.c", SOURCE);
    project.write("src/one.h", "#pragma once\n#define ONE 1\n");
    project.write(
        "src/sub/two.h",
        "static inline int two(void) { return 2; }\n",
    );
    project
}

#[tokio::test]
async fn a_source_with_headers_gives_the_local_object_and_its_dependencies() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    let mut author = Author::new(&executor).await;
    let files = ["src/main.c", "src/one.h", "src/sub/two.h"];
    let ids = author.tell(&project.all(&files)).await;
    for arguments in [
        &["-O2", "-c"][..],
        &["-g", "-c"],
        &["-g3", "-O1", "-c", "-MD", "-MQ", "main.o"],
    ] {
        let order = author.order(&project, arguments, &ids);
        let reply = author.compile(order).await;
        let Reply::Done { outputs, .. } = &reply else {
            panic!("{reply:?}");
        };
        let local = project.compiled(arguments);
        let rules = text(outputs, OutputKind::Dependencies);
        assert_eq!(rules.is_some(), arguments.contains(&"-MD"));
        if let Some(rules) = rules {
            assert_eq!(rules, project.rules(arguments));
        }
        assert!(reply.object() == local, "{arguments:?}");
    }
}

#[tokio::test]
async fn what_the_compiler_says_names_the_users_own_lines() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    project.write("src/one.h", "#define ONE undeclared_here\n");
    let mut author = Author::new(&executor).await;
    let files = ["src/main.c", "src/one.h", "src/sub/two.h"];
    let ids = author.tell(&project.all(&files)).await;
    let order = author.order(&project, &["-c"], &ids);
    let reply = author.compile(order).await;
    let Reply::Done { outputs, finished } = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(finished.exit_code.unwrap().get(), 1);
    let said = text(&outputs, OutputKind::StandardError).unwrap();
    assert_eq!(said, project.complaint(&["-c"]));
    assert!(said.contains("one.h:1:13"), "{said}");
}

#[tokio::test]
async fn a_file_that_was_not_sent_trips_whoever_reads_it() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    let mut author = Author::new(&executor).await;
    let mut entries = project.all(&["src/main.c", "src/one.h"]);
    entries.push(project.unsent("src/sub/two.h"));
    let ids = author.tell(&entries).await;
    let reply = author.compile(author.order(&project, &["-c"], &ids)).await;
    let Reply::Done { outputs, finished } = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(finished.exit_code.unwrap().get(), 1);
    let said = text(&outputs, OutputKind::StandardError).unwrap();
    assert!(said.contains(&author.marker()), "{said}");
    // It is sent then, and takes the place of what stood for it.
    let sent = author.tell(&project.all(&["src/sub/two.h"])).await;
    let ids: Vec<_> = ids[..ids.len() - 1].iter().chain(&sent).copied().collect();
    let reply = author.compile(author.order(&project, &["-c"], &ids)).await;
    assert!(reply.object() == project.compiled(&["-c"]));
    assert_eq!(author.trees(&executor), 1);
}

#[tokio::test]
async fn each_job_sees_the_header_that_it_names() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    let mut author = Author::new(&executor).await;
    let ids = author
        .tell(&project.all(&["src/main.c", "src/one.h", "src/sub/two.h"]))
        .await;
    let old = author.order(&project, &["-c"], &ids);
    let other_old = author.order(&project, &["-c"], &ids);
    let before = project.compiled(&["-c"]);
    assert!(author.compile(old).await.object() == before);
    project.write("src/one.h", "#pragma once\n#define ONE 7\n");
    author.gone(&[ids[1]]).await;
    let new = author.tell(&project.all(&["src/one.h"])).await;
    let order = author.order(&project, &["-c"], &[ids[0], new[0], ids[2]]);
    let after = project.compiled(&["-c"]);
    assert!(before != after);
    assert!(author.compile(order).await.object() == after);
    // This one was prepared before, and comes late.
    assert!(author.compile(other_old).await.object() == before);
}
