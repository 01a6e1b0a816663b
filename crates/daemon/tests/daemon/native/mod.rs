//! Jobs of members by floe's own protocol, under grants.

mod cluster;
mod endings;
mod files;
mod refusals;
mod socket;
mod supply;
#[path = "../../../../transport/tests/support/mod.rs"]
mod support;

use icecream::Message;
use wire::field::List;
use wire::message::{OutputKind, Packing};

use crate::foreign::{SOURCE, compiled_locally};
use crate::rig::hear_decision;
use cluster::{Executor, Reply, compile, sign};

#[tokio::test]
async fn a_member_with_a_grant_gets_the_object_of_a_local_compile() {
    let Some(mut executor) = Executor::start().await else {
        return;
    };
    let local = compiled_locally();
    let (link, _none) = executor.link().await;
    let packed = zstd::encode_all(SOURCE, 1).unwrap();
    for (packing, input) in [(Packing::Plain, SOURCE), (Packing::Zstd, &packed)] {
        let mut order = executor.order(executor.signed());
        order.packing = packing;
        assert!(compile(&link, order, input).await.object() == local);
    }
    // Before its text is there, the compiler runs; the scheduler is told under the grant's number.
    for job in [1, 2] {
        let Message::JobBegin(begin) = hear_decision(&mut executor.line).await else {
            panic!()
        };
        let Message::JobDone(done) = hear_decision(&mut executor.line).await else {
            panic!()
        };
        assert_eq!((begin.job_id, done.job_id, done.exit_code), (job, job, 0));
        assert_eq!(done.in_uncompressed as usize, SOURCE.len());
    }
}

#[tokio::test]
async fn words_and_exit_codes_come_back_and_large_objects_are_packed() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let (link, _none) = executor.link().await;
    let order = executor.order(executor.signed());
    let reply = compile(&link, order, b"# 1 \"a.c\"\nint main(void) { return x; }\n").await;
    let Reply::Done { outputs, finished } = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(finished.exit_code.unwrap().get(), 1);
    let [(OutputKind::StandardError, Packing::Plain, said)] = &outputs[..] else {
        panic!("{outputs:?}");
    };
    assert!(String::from_utf8_lossy(said).contains("undeclared"));

    let mut order = executor.order(executor.signed());
    order.accepted = List::new(vec![Packing::Zstd]).unwrap();
    order.wanted = List::new(vec![OutputKind::Object]).unwrap();
    let large = b"int x[1000000] = {1};\n";
    let reply = compile(&link, order, large).await;
    let Reply::Done { outputs, .. } = &reply else {
        panic!("{reply:?}");
    };
    let (_, Packing::Zstd, sent) = &outputs[0] else {
        panic!("not packed");
    };
    assert!(sent.len() < 100_000);
    assert!(reply.object().len() > 4_000_000);
}

#[tokio::test]
async fn a_result_that_nobody_takes_delays_no_other_on_the_same_connection() {
    let Some(executor) = Executor::start().await else {
        return;
    };
    let local = compiled_locally();
    let (link, _none) = executor.link().await;
    let mut large = link.open(executor.order(executor.signed())).await.unwrap();
    large
        .send_data(b"int x[8000000] = {1};\n".to_vec())
        .await
        .unwrap();
    large.finish().await.unwrap();
    // A long input that does not end takes one of the two slots.
    let mut endless = link.open(executor.order(executor.signed())).await.unwrap();
    endless.send_data(vec![b'\n'; 20 << 20]).await.unwrap();
    for _ in 0..3 {
        let order = executor.order(executor.signed());
        assert!(compile(&link, order, SOURCE).await.object() == local);
    }
    assert!(cluster::reply(&mut large).await.object().len() > 32_000_000);
}

#[tokio::test]
async fn grants_of_a_scheduler_that_renewed_its_certificate_hold() {
    let Some(mut executor) = Executor::start().await else {
        return;
    };
    executor.scheduler.renew().await;
    let (link, _none) = executor.link().await;
    let order = executor.order(sign(&executor.grant(), &executor.scheduler));
    let asked = async {
        // The daemon asks for the present certificate, by a handshake and no more.
        let stream = executor.listener.connection().await;
        let gate = transport::Gate::Members(executor.scheduler.live.clone());
        let roles = [membership::Role::Execute];
        let admitted = gate.admit(&roles, stream, crate::rig::PATIENCE).await;
        assert!(admitted.unwrap().native);
    };
    let (reply, ()) = tokio::join!(compile(&link, order, SOURCE), asked);
    assert!(reply.object() == compiled_locally());
}
