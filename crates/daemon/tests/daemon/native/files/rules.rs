//! What is refused, what nobody else sees, and what is left.

use std::os::unix::fs::symlink;
use std::time::Duration;

use membership::Role;
use tokio::time::{sleep, timeout};
use wire::message::{Compile, Refusal, Retry};
use wire::name::{Argument, Count, ViewNumber};
use wire::view::{EntryId, What};

use super::super::cluster::{Executor, Member, Reply, reply};
use super::author::{Author, Project, text, views};
use super::{OutputKind, project};
use crate::rig::PATIENCE;

const ALL: [&str; 3] = ["src/main.c", "src/one.h", "src/sub/two.h"];

fn refused(reply: Reply) -> (Refusal, Retry) {
    let refused = reply.refused();
    (refused.reason, refused.retry)
}

const NEVER: (Refusal, Retry) = (Refusal::FilesMissing, Retry::Never);

#[tokio::test]
async fn links_and_one_file_under_two_names_are_what_they_are_at_home() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = Project::new();
    // The same file by a hard link and by a symbolic link is read once, an equal one at another time again.
    let source = "#include \"once.h\"\n#include \"sub/hard.h\"\n#include \"away/soft.h\"\n\
                  const char *file = __FILE__;\nint x = ONCE;\n";
    project.write("src/main.c", source);
    project.write(
        "src/once.h",
        "#pragma once\nstruct once { int x; };\n#define ONCE 3\n",
    );
    std::fs::hard_link(project.at("src/once.h"), project.at("src/sub/hard.h")).unwrap();
    symlink("sub", project.at("src/away")).unwrap();
    symlink("../once.h", project.at("src/sub/soft.h")).unwrap();
    let mut author = Author::new(&executor).await;
    let mut entries = project.all(&["src/main.c", "src/once.h"]);
    let once = EntryId(author.next() + 1);
    entries.push(project.entry("src/sub/hard.h", What::Same(once)));
    entries.push(project.entry("src/away", What::Link((*b"sub").into())));
    entries.push(project.entry("src/sub/soft.h", What::Link((*b"../once.h").into())));
    let ids = author.tell(&entries).await;
    for arguments in [&["-c"][..], &["-g", "-c"]] {
        let reply = author.compile(author.order(&project, arguments, &ids));
        assert!(reply.await.object() == project.compiled(arguments));
    }
}

#[tokio::test]
async fn entries_that_do_not_fit_make_a_job_one_of_text() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    let mut author = Author::new(&executor).await;
    let ids = author.tell(&project.all(&ALL)).await;
    let mut outside = project.entry("src", What::Directory);
    outside.0.path = wire::view::EntryPath::new(b"/usr/bin/gcc").unwrap();
    let mut link = outside.clone();
    link.0.what = What::Link((*b"/etc").into());
    let through = [
        project.entry("src/link", What::Link((*b"/etc").into())),
        project.entry("src/link/passwd", What::Unsent),
    ];
    let through = author.tell(&through).await;
    let bad = author.tell(&[outside, link]).await;
    for more in [&through[..], &bad[..1], &bad[1..]] {
        let order = author.order(&project, &["-c"], &[&ids[..], more].concat());
        assert_eq!(refused(author.compile(order).await), NEVER);
    }
    // Not by their numbers, but by what they are.
    let mut order = author.order(&project, &["-c"], &ids);
    order.inputs.as_mut().unwrap().digest = job::Digest::from_bytes([1; 32]);
    assert_eq!(refused(author.compile(order).await), NEVER);
    let order = author.order(&project, &["-c"], &[&ids[..], &[5000]].concat());
    assert_eq!(refused(author.compile(order).await), NEVER);
    let mut order = author.order(&project, &["-c"], &ids);
    order.inputs.as_mut().unwrap().view = ViewNumber::new(9).unwrap();
    assert_eq!(refused(author.compile(order).await), NEVER);
    // What would read as an option, and a place that is not there.
    let order = |change: fn(&mut Compile)| {
        let mut order = author.order(&project, &["-c"], &ids);
        change(&mut order);
        order
    };
    let path = |text: &str| wire::name::SubmitPath::new(text.into()).unwrap();
    let mut option = order(|_| {});
    option.source = path("-fplugin=x");
    let mut nowhere = order(|_| {});
    nowhere.directory = path("/nowhere");
    for order in [option, nowhere] {
        assert_eq!(refused(author.compile(order).await), NEVER);
    }
    let bad_variable = order(|order| {
        let variable = Argument::new(b"LD_PRELOAD=/x".to_vec()).unwrap();
        let inputs = order.inputs.as_mut().unwrap();
        inputs.environment = wire::field::List::new(vec![variable]).unwrap();
    });
    let said = refused(author.compile(bad_variable).await);
    assert_eq!(said, (Refusal::BadInput, Retry::Never));
    // None of that has done any harm.
    let reply = author.compile(order(|_| {})).await;
    assert!(reply.object() == project.compiled(&["-c"]));
}

#[tokio::test]
async fn a_grant_that_was_of_no_use_to_files_is_one_for_text() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    let author = Author::new(&executor).await;
    let refused_order = author.order(&project, &["-c"], &[5000]);
    let mut again = executor.order(refused_order.grant.clone());
    again.toolchain = refused_order.toolchain;
    assert_eq!(refused(author.compile(refused_order).await), NEVER);
    let made = super::super::cluster::compile(&author.link, again, crate::foreign::SOURCE).await;
    assert!(made.object() == crate::foreign::compiled_locally());
}

#[tokio::test]
async fn a_view_ends_when_what_is_told_is_not_so() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    let told = project.all(&ALL);
    // Other bytes than their digest says.
    let mut author = Author::new(&executor).await;
    let (_, mut wrong) = {
        let mut told = told.clone();
        let last = told[2].1.len() - 1;
        told[2].1[last] ^= 1;
        author.number(&told)
    };
    author.send(wrong.count(), wrong.bytes(), false).await;
    let lost = author.lost().await;
    assert!(lost.text.as_str().contains("two.h"), "{lost:?}");
    let order = author.order(&project, &["-c"], &[]);
    assert_eq!(refused(author.compile(order).await), NEVER);
    // Fewer than announced, a number again, and more bytes than announced.
    let mut author = Author::new(&executor).await;
    wrong = author.number(&told).1;
    author.send(wrong.count() + 1, wrong.bytes(), true).await;
    assert_eq!(author.lost().await.reason, Refusal::BadInput);
    let mut author = Author::new(&executor).await;
    wrong = author.number(&told).1;
    author.send(wrong.count(), wrong.bytes(), true).await;
    author.send(wrong.count(), wrong.bytes(), true).await;
    author.lost().await;
    let mut author = Author::new(&executor).await;
    wrong = author.number(&told).1;
    author.send(wrong.count(), wrong.bytes(), false).await;
    author.stream.send_data(b"more".to_vec()).await.unwrap();
    author.lost().await;
    // What is gone and was never there.
    let mut author = Author::new(&executor).await;
    author.gone(&[4000]).await;
    author.lost().await;
}

#[tokio::test]
async fn a_job_waits_for_its_files_and_has_no_slot_meanwhile() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    let mut author = Author::new(&executor).await;
    let (ids, batch) = author.number(&project.all(&ALL));
    let mut early = Vec::new();
    // More than there are slots.
    for _ in 0..4 {
        let mut order = author.order(&project, &["-c"], &ids);
        let inputs = order.inputs.as_mut().unwrap();
        inputs.after = Count::new(inputs.after.get() + 1).unwrap();
        early.push(author.begin(order).await);
    }
    let text = executor.order(executor.signed());
    let made = super::super::cluster::compile(&author.link, text, crate::foreign::SOURCE).await;
    assert!(made.object() == crate::foreign::compiled_locally());
    author.send(batch.count(), batch.bytes(), true).await;
    let local = project.compiled(&["-c"]);
    for mut exchange in early {
        assert!(reply(&mut exchange).await.object() == local);
    }
    assert_eq!(author.trees(&executor), 1);
}

#[tokio::test]
async fn text_behind_a_job_of_files_is_refused() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let project = project();
    let mut author = Author::new(&executor).await;
    let ids = author.tell(&project.all(&ALL)).await;
    let order = author.order(&project, &["-c"], &ids);
    let mut exchange = author.link.open(order).await.unwrap();
    exchange.send_data(b"int x;\n".to_vec()).await.unwrap();
    let said = refused(reply(&mut exchange).await);
    assert_eq!(said, (Refusal::BadInput, Retry::Never));
}

#[tokio::test]
async fn members_do_not_see_each_others_files_and_leave_none() {
    let Some(mut executor) = Executor::start().await else {
        return;
    };
    let other: Member = executor.cluster.member("other", &[Role::Submit]).await;
    executor.shown_by(&other).await;
    let project = project();
    let mut author = Author::new(&executor).await;
    let ids = author.tell(&project.all(&ALL)).await;
    let order = author.order(&project, &["-c"], &ids);
    let local = project.compiled(&["-c"]);
    assert!(author.compile(order).await.object() == local);

    let mut prober = Author::of(&executor, &other).await;
    // The same numbers, of the same view's number.
    let order = prober.order(&project, &["-c"], &ids);
    assert_eq!(refused(prober.compile(order).await), NEVER);
    let probing = prober.tell(&project.all(&["src/main.c"])).await;
    let order = prober.order(&project, &["-c"], &probing);
    let Reply::Done { outputs, finished } = prober.compile(order).await else {
        panic!("refused");
    };
    assert_eq!(finished.exit_code.unwrap().get(), 1);
    let said = text(&outputs, OutputKind::StandardError).unwrap();
    assert!(said.contains("one.h: No such file or directory"), "{said}");
    assert_eq!(views(&executor).len(), 2);

    // One goes with its connection, one with its stream.
    drop(author);
    let Author { stream, link, .. } = prober;
    drop(stream);
    let empty = async {
        while !views(&executor).is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, empty).await.expect("nothing is left");
    drop(link);
}
