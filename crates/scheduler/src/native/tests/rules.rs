//! One test for each rule.

use super::*;

const ONE: StreamKey = StreamKey {
    link: Peer(1),
    number: 1,
};
const OTHER: StreamKey = StreamKey {
    link: Peer(2),
    number: 1,
};

/// Begins whatever is granted, until nothing more comes.
fn use_all(world: &mut World, stream: StreamKey) -> usize {
    let mut begun = 0;
    while let Some(grant) = world.held(stream).first().cloned() {
        world.begin(&grant);
        world.drop_held(stream, grant.job);
        begun += 1;
    }
    begun
}

#[test]
fn as_many_come_as_are_wanted_and_no_more() {
    let mut world = World::with(1, &[8, 8]);
    world.open(1, ONE, 3);
    assert_eq!(world.held(ONE).len(), 3);
    world.pass(5.0);
    assert_eq!(world.held(ONE).len(), 3);
    let first = world.held(ONE)[0].clone();
    world.begin(&first);
    world.end(&first);
    assert_eq!(world.held(ONE).len(), 3, "until it is reported it counts");
    world.report(ONE, first.job, Ending::Done);
    assert_eq!(world.held(ONE).len(), 3);
    assert_eq!(world.cluster.task_count(), 3);
}

#[test]
fn who_uses_its_grants_gets_the_whole_cluster() {
    let mut world = World::with(1, &[4, 4]);
    world.open(1, ONE, 100);
    let begun = use_all(&mut world, ONE);
    assert!(begun >= 8, "{begun}");
    assert!(world.waiting() > 0, "and more wait for the next free slot");
}

#[test]
fn what_is_held_unused_leaves_room_for_the_next() {
    let mut world = World::with(2, &[8, 8]);
    world.open(1, ONE, 1000);
    assert_eq!(world.held(ONE).len() + world.waiting(), 8);
    world.open(2, OTHER, 1000);
    assert!(world.held(OTHER).len() >= 4, "{}", world.held(OTHER).len());
}

#[test]
fn a_lower_count_takes_back_what_waits() {
    let mut world = World::with(1, &[2]);
    world.open(1, ONE, 100);
    use_all(&mut world, ONE);
    assert!(world.waiting() > 0);
    world.count(ONE, 1);
    assert_eq!((world.held(ONE).len(), world.waiting()), (0, 0));
}

#[test]
fn what_nobody_begins_is_free_after_a_minute() {
    let mut world = World::with(2, &[1]);
    world.open(1, ONE, 1);
    assert_eq!(world.held(ONE).len(), 1);
    world.count(ONE, 0);
    world.pass(59.0);
    assert_eq!(world.cluster.task_count(), 1);
    world.pass(2.0);
    assert_eq!(world.cluster.task_count(), 0);
}

#[test]
fn what_waits_at_its_executor_keeps_its_slot_for_longer_than_a_grant_is_good() {
    let mut world = World::with(1, &[2]);
    world.open(1, ONE, 2);
    let held = world.held(ONE);
    let (come, not_come) = (held[0].clone(), held[1].clone());
    world.count(ONE, 0);
    // What another host says of it is nothing.
    let elsewhere = Granted {
        executor: [1; 16],
        ..not_come
    };
    world.arrive(&elsewhere);
    world.arrive(&come);
    world.pass(61.0);
    assert_eq!(world.cluster.task_count(), 1, "nobody began the other");
    world.pass(600.0);
    world.begin(&come);
    // Who has begun does not wait again.
    world.arrive(&come);
    world.pass(600.0);
    assert_eq!(world.cluster.task_count(), 1);
    world.end(&come);
    assert_eq!(world.cluster.task_count(), 0);
}

#[test]
fn who_lets_grants_lapse_has_to_pause() {
    let mut world = World::with(1, &[8]);
    world.open(1, ONE, 4);
    assert_eq!(world.held(ONE).len(), 4);
    world.pass(61.0);
    assert_eq!(world.cluster.task_count(), 0, "for a while, none");
    world.pass(5.0);
    assert_eq!(world.held(ONE).len(), 6, "then half of what it held");
    // In an hour it held few slots for less than half of the time.
    let mut open = 0;
    for _ in 0..3600 {
        world.pass(1.0);
        open += world.cluster.task_count();
    }
    assert!(open < 3600 * 6 / 10, "{open}");
    // And is forgiven as soon as it uses what it gets.
    world.pass(60.0);
    let last = world.held(ONE).last().cloned().unwrap();
    world.begin(&last);
    assert!(world.held(ONE).len() > 6);
}

#[test]
fn nobody_willing_is_said_after_five_seconds() {
    let mut world = World::with(1, &[4]);
    world.load(100, 1000);
    world.open(1, ONE, 2);
    world.pass(4.5);
    assert!(world.news.is_empty());
    world.pass(1.0);
    assert_eq!(world.news, [(ONE, Why::NobodyWilling)]);
    assert_eq!(world.waiting(), 0, "its other requests leave too");
    world.pass(60.0);
    assert_eq!(world.news.len(), 1, "once");
    world.load(100, 10);
    world.pass(20.0);
    assert_eq!(world.held(ONE).len(), 2, "and grants come later");
}

#[test]
fn the_reason_is_said_again_to_who_begins_anew() {
    let mut world = World::with(1, &[]);
    world.open(1, ONE, 1);
    assert_eq!(world.news, [(ONE, Why::NoSuitableHost)]);
    world.count(ONE, 0);
    world.count(ONE, 1);
    assert_eq!(world.news.len(), 2);
    world.count(ONE, 5);
    assert_eq!(world.news.len(), 2);
}

#[test]
fn the_first_executor_ends_the_wait() {
    let mut world = World::with(1, &[]);
    world.open(1, ONE, 1);
    world.pass(30.0);
    world.log_in(100, 2);
    world.ledger.executor_came(world.now);
    world.settle();
    assert_eq!(world.held(ONE).len(), 1);
}

#[test]
fn without_a_signer_nothing_is_asked_for() {
    let mut world = World::with(1, &[4]);
    world.signs = Err("no key".into());
    world.open(1, ONE, 2);
    assert_eq!(world.news, [(ONE, Why::Unsigned("no key".into()))]);
    assert_eq!(world.cluster.task_count(), 0);
    world.signs = Ok(());
    world.ledger.look_again();
    world.settle();
    assert_eq!(world.held(ONE).len(), 2);
}

#[test]
fn a_job_that_its_executor_forgets_ends_with_the_report() {
    let mut world = World::with(1, &[4]);
    world.open(1, ONE, 1);
    let grant = world.held(ONE)[0].clone();
    world.begin(&grant);
    world.count(ONE, 0);
    world.report(ONE, grant.job, Ending::Done);
    world.pass(1.0);
    assert_eq!(world.cluster.task_count(), 1, "it may still come");
    world.pass(1.5);
    assert_eq!(world.cluster.task_count(), 0);
}

#[test]
fn a_job_goes_on_without_its_stream_but_not_for_ever() {
    let mut world = World::with(1, &[4]);
    world.open(1, ONE, 2);
    let grants = world.held(ONE);
    world.begin(&grants[0]);
    world.close(ONE);
    assert_eq!(world.cluster.task_count(), 1);
    world.pass(3500.0);
    assert_eq!(world.cluster.task_count(), 1);
    world.pass(200.0);
    assert_eq!(world.cluster.task_count(), 0);
    assert!(world.ledger.is_idle());
}

#[test]
fn an_executor_that_is_not_reached_is_passed_over() {
    let mut world = World::with(1, &[8, 2]);
    world.open(1, ONE, 1);
    let bad = world.held(ONE)[0].clone();
    assert_eq!(bad.executor, [100; 16]);
    world.report(ONE, bad.job, Ending::Unreachable);
    assert_eq!(world.held(ONE)[0].executor, [101; 16]);
    world.pass(6.0);
    world.count(ONE, 2);
    assert_eq!(world.held(ONE)[1].executor, [100; 16]);
}

#[test]
fn when_the_only_executor_failed_it_is_tried_again_later() {
    let mut world = World::with(1, &[8]);
    world.open(1, ONE, 1);
    let bad = world.held(ONE)[0].clone();
    world.report(ONE, bad.job, Ending::Lost);
    assert!(world.held(ONE).is_empty());
    world.pass(6.0);
    assert_eq!(world.held(ONE).len(), 1);
}

#[test]
fn streams_beyond_the_bound_are_refused() {
    let mut world = World::with(1, &[1]);
    for number in 0..64 {
        world.open(1, stream(1, number), 0);
    }
    let further = world.ledger.open(ONE, member(1), 1, need());
    assert!(further.is_err());
    world.ledger.close_link(Peer(1));
    assert!(world.ledger.is_idle());
}

#[test]
fn kinds_of_jobs_share_what_their_member_may_have() {
    let mut world = World::with(1, &[8, 8]);
    world.open(1, stream(1, 1), 0);
    world.open(1, stream(1, 2), 0);
    for number in [1, 2] {
        let said = Said {
            count: Some(100),
            ..Said::default()
        };
        world.ledger.said(world.now, stream(1, number), said);
    }
    world.settle();
    let (one, other) = (world.held(stream(1, 1)), world.held(stream(1, 2)));
    assert_eq!(one.len(), other.len());
}

#[test]
fn nice_jobs_wait_for_the_others() {
    let mut world = World::with(2, &[1]);
    world.open(1, ONE, 100);
    let mut running = Vec::new();
    while let Some(grant) = world.held(ONE).first().cloned() {
        world.begin(&grant);
        world.drop_held(ONE, grant.job);
        running.push(grant);
    }
    world.count(ONE, 0);
    let nice = Need::of(&Want {
        niceness: Niceness::new(10).unwrap(),
        ..want()
    });
    world.ledger.open(OTHER, member(2), 1, nice).unwrap();
    world.settle();
    let third = stream(1, 2);
    world.open(1, third, 1);
    assert_eq!(world.waiting(), 2);
    for grant in running {
        world.end(&grant);
        if !world.held(third).is_empty() {
            break;
        }
    }
    assert_eq!((world.held(third).len(), world.held(OTHER).len()), (1, 0));
}

#[test]
fn a_grant_says_of_toolchains_what_its_member_has_seen() {
    let mut world = World::with(2, &[]);
    world.log_in_alone(100, 4);
    world.open(1, ONE, 1);
    let first = world.held(ONE)[0].clone();
    assert!(!first.has_toolchain, "although the host announces it");
    world.begin(&first);
    world.end(&first);
    world.report(ONE, first.job, Ending::Done);
    let second = world.held(ONE)[0].clone();
    assert!(second.has_toolchain);
    world.open(2, OTHER, 1);
    assert!(!world.held(OTHER)[0].has_toolchain, "another member");
    // It was dropped there, and the member is told so.
    world.drop_held(ONE, second.job);
    let told = Told {
        job: second.job,
        ending: Ending::Refused,
        refusal: Some(wire::message::Refusal::ToolchainMissing),
    };
    let reports = vec![told];
    world.said(
        ONE,
        Said {
            reports,
            ..Said::default()
        },
    );
    assert!(!world.held(ONE)[0].has_toolchain);
}
