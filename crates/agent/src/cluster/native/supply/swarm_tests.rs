use super::*;

fn id(number: u8) -> MemberId {
    MemberId::from_bytes([number; 16])
}

fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

/// Twenty files of a mebibyte, and executors that miss all.
fn swarm(executors: u8) -> Swarm {
    let files = || (0..20).map(|number| (digest(number), 1 << 20));
    let mut swarm = Swarm::new(files());
    for executor in 1..=executors {
        swarm.join(id(executor));
        let missing = files().map(|(digest, _)| (digest, 0));
        swarm.misses(id(executor), missing, true).unwrap();
    }
    swarm
}

/// Does what is said until nobody misses anything. Fetching works unless the holder is `evil`.
fn run(swarm: &mut Swarm, executors: u8, evil: Option<u8>) {
    let mut fetches: Vec<(u8, MemberId, Vec<Digest>)> = Vec::new();
    for _round in 0..10_000 {
        let mut idle = true;
        for executor in 1..=executors {
            match swarm.next(id(executor)) {
                Step::Send { index, .. } => {
                    idle = false;
                    swarm.sent(id(executor), index, true, true);
                }
                Step::Elsewhere { holder, files } => {
                    idle = false;
                    fetches.push((executor, holder, files));
                }
                Step::Wait => {}
                Step::Hopeless(file) => panic!("{file}"),
            }
        }
        for (executor, holder, files) in fetches.drain(..) {
            if evil.is_some_and(|evil| holder == id(evil)) {
                let again = files.into_iter().map(|file| (file, 0));
                swarm.misses(id(executor), again, true).unwrap();
            } else {
                swarm.arrived(id(executor), files);
            }
        }
        if idle {
            break;
        }
    }
    for (executor, one) in &swarm.executors {
        assert!(
            one.missing.is_empty(),
            "{executor} misses {:?}",
            one.missing
        );
    }
    let loads = swarm.executors.values().all(|one| one.load == 0);
    assert!(loads && swarm.files.iter().all(|file| file.sending == 0));
}

#[test]
fn each_file_leaves_once_however_many_want_it() {
    for executors in [1, 2, 10] {
        let mut swarm = swarm(executors);
        run(&mut swarm, executors, None);
        assert_eq!(swarm.sent, 20 << 20);
    }
}

#[test]
fn the_files_are_spread_over_all_and_nobody_is_sent_too_many_at_once() {
    let mut swarm = swarm(10);
    let mut sent = Vec::new();
    for _round in 0..3 {
        for executor in 1..=10 {
            if let Step::Send { digest, .. } = swarm.next(id(executor)) {
                sent.push((executor, digest));
            }
        }
    }
    let of_one = |one: u8| sent.iter().filter(|(executor, _)| *executor == one).count();
    assert!((1..=10).all(|one| of_one(one) == 2), "{sent:?}");
    let mut alone = self::swarm(1);
    let steps = std::iter::from_fn(|| Some(alone.next(id(1))));
    let at_once = steps.take_while(|step| *step != Step::Wait).count();
    assert_eq!(at_once, 4);
}

#[test]
fn who_does_not_hand_on_is_left_out_and_the_files_come_from_here() {
    let mut swarm = swarm(3);
    run(&mut swarm, 3, Some(2));
    // What the evil one had was sent again, and little more.
    assert!(swarm.sent < 3 * (20 << 20), "{}", swarm.sent >> 20);
}

#[test]
fn who_comes_late_gets_all_from_others_and_an_earlier_part_goes_on() {
    let mut swarm = swarm(2);
    run(&mut swarm, 2, None);
    swarm.leave(id(1), true);
    swarm.leave(id(2), false);
    swarm.join(id(3));
    swarm
        .misses(id(3), [(digest(1), 0), (digest(2), 0)], true)
        .unwrap();
    let Step::Elsewhere { holder, files } = swarm.next(id(3)) else {
        panic!("sent from here");
    };
    assert_eq!((holder, files.len()), (id(1), 2));
    swarm.leave(id(1), false);
    swarm.misses(id(3), [(digest(1), 77)], true).unwrap();
    let step = swarm.next(id(3));
    assert!(matches!(step, Step::Send { offset: 77, .. }), "{step:?}");
    assert_eq!(
        swarm.misses(id(3), [(digest(99), 0)], true),
        Err(digest(99))
    );
}

#[test]
fn a_file_that_stands_still_is_sent_to_others_and_none_is_sent_for_ever() {
    let mut swarm = Swarm::new([(digest(1), 5)]);
    for one in [1, 2] {
        swarm.join(id(one));
        swarm.misses(id(one), [(digest(1), 0)], true).unwrap();
    }
    let Step::Send { index, .. } = swarm.next(id(1)) else {
        panic!("not sent");
    };
    assert_eq!(swarm.next(id(2)), Step::Wait);
    swarm.stalls(index);
    assert!(matches!(swarm.next(id(2)), Step::Send { .. }));
    swarm.sent(id(1), index, false, false);
    swarm.sent(id(2), index, true, false);
    for _try in 0..2 {
        let Step::Send { index, .. } = swarm.next(id(2)) else {
            panic!("given up");
        };
        swarm.sent(id(2), index, true, false);
    }
    assert_eq!(swarm.next(id(2)), Step::Hopeless(digest(1)));
}
