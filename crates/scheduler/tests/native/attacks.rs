//! Those who may not, and those who talk nonsense.

use icecream::{Environment, GetCs, Message};
use membership::Role;
use transport::{Incoming, LinkError};
use wire::ResetCode;
use wire::message::{Candidate, Ending, FetchRevoked, ListMembers, Look};
use wire::name::GrantNumber;

use crate::rig::{Host, Rig, TOOLCHAIN, login, within};

const BUILDER: &[Role] = &[Role::Execute];
const DESK: &[Role] = &[Role::Submit];

#[tokio::test]
async fn who_may_not_submit_gets_no_grants() {
    let mut rig = Rig::start().await;
    let builder = rig.host("builder", BUILDER);
    let _executor = rig.executor(&builder, 1).await;
    let daemon = rig.link(&builder.live).await;
    let mut wants = daemon.want(1).await;
    let refused = within(wants.exchange.next()).await.unwrap_err();
    assert_reset(&refused, ResetCode::FORBIDDEN);
}

#[tokio::test]
async fn an_agent_is_no_daemon() {
    let mut rig = Rig::start().await;
    let desk = rig.host("desk", &[Role::Submit, Role::Execute]);
    let mut pretender = rig.log_in(&desk.agent(), login("desk", 4, 10245)).await;
    pretender.is_closed().await;
    assert!(!rig.control("listcs").await.contains("desk"));
}

#[tokio::test]
async fn another_member_with_the_same_name_replaces_nobody() {
    let mut rig = Rig::start().await;
    let (one, other) = (rig.host("builder", BUILDER), rig.host("evil", BUILDER));
    let _executor = rig.executor(&one, 3).await;
    let mut pretender = rig.log_in(&other.live, login("builder", 5, 10245)).await;
    assert!(matches!(pretender.next().await, Message::CsConf(_)));
    rig.settled("/5 ", true).await;
    assert!(
        rig.control("listcs").await.contains("/3 "),
        "both are there"
    );
}

#[tokio::test]
async fn a_scheduler_without_the_role_signs_nothing() {
    // The scheduler's role can only be lost between two certificates: members do not connect to one without.
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _executor = rig.executor(&builder, 1).await;
    let _line = rig.submitter(&desk).await;
    rig.papers
        .send_modify(|papers| papers.signer = builder.identity.signer());
    let agent = rig.agent(&desk).await;
    let none = until_unsigned(&rig, &desk, agent.want(1).await).await;
    assert!(none.contains("schedule"), "{none}");
}

/// The scheduler may not have looked at its new signer yet.
async fn until_unsigned(rig: &Rig, desk: &Host, mut wants: crate::rig::Wants) -> String {
    loop {
        match wants.next().await {
            wire::message::Message::NoGrants(none) => return none.text.as_str().to_owned(),
            _ => wants = rig.agent(desk).await.want(1).await,
        }
    }
}

#[tokio::test]
async fn grants_of_others_are_nobodys_business() {
    let mut rig = Rig::start().await;
    let builder = rig.host("builder", BUILDER);
    let (one, other) = (rig.host("one", DESK), rig.host("other", DESK));
    let _executor = rig.executor(&builder, 8).await;
    let _lines = (rig.submitter(&one).await, rig.submitter(&other).await);
    let (first, second) = (rig.agent(&one).await, rig.agent(&other).await);
    let mut wants = first.want(1).await;
    let jobs = wants.grants(1).await;
    let mut thief = second.want(1).await;
    let own = thief.grants(1).await;
    thief.give_back(&jobs).await;
    thief.report(jobs[0].grant.number, Ending::Done).await;
    let absurd = GrantNumber::new(u64::MAX).unwrap();
    thief.report(absurd, Ending::Done).await;
    // Those were heard before this.
    thief.give_back(&own).await;
    rig.settled(&format!(" {} WAIT", own[0].grant.number.get()), false)
        .await;
    let listed = rig.control("listjobs").await;
    let still = format!(" {} WAIT", jobs[0].grant.number.get());
    assert!(listed.contains(&still), "{listed}");
}

#[tokio::test]
async fn what_means_nothing_here_ends_its_stream_only() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _executor = rig.executor(&builder, 8).await;
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut kept = agent.want(1).await;
    let held = kept.grants(1).await;
    let mut odd = agent.link.open(ListMembers {}).await.unwrap();
    let refused = within(odd.next()).await.unwrap_err();
    assert_reset(&refused, ResetCode::OUT_OF_PLACE);
    let mut odd = agent.want(1).await;
    odd.exchange.send_data(vec![0; 1000]).await.unwrap();
    let refused = loop {
        match within(odd.exchange.next()).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_reset(&refused, ResetCode::OUT_OF_PLACE);
    // Another kind of job needs a stream of its own.
    let mut odd = agent.want(1).await;
    let other = crate::rig::want_of(1, job::Digest::from_bytes([1; 32]));
    odd.exchange.send(other).await.unwrap();
    let refused = loop {
        match within(odd.exchange.next()).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_reset(&refused, ResetCode::OUT_OF_PLACE);
    kept.give_back(&held).await;
    kept.grants(1).await;
}

#[tokio::test]
async fn a_mind_that_changes_thousands_of_times_is_followed() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _executor = rig.executor(&builder, 8).await;
    let _line = rig.submitter(&desk).await;
    let agent = rig.agent(&desk).await;
    let mut wants = agent.want(1).await;
    for round in 0..5_000_u32 {
        wants.change(round.wrapping_mul(2_654_435_761) % 40).await;
    }
    wants.change(0).await;
    // Whatever was granted on the way is still held, and nothing waits.
    rig.settled("PEND", false).await;
    wants.exchange.finish().await.unwrap();
    rig.settled("sub:desk", false).await;
    let mut again = agent.want(2).await;
    again.grants(2).await;
}

#[tokio::test]
async fn the_list_of_revoked_members_is_passed_on() {
    let mut rig = Rig::start().await;
    let (bad, desk) = (rig.host("bad", DESK), rig.host("desk", DESK));
    rig.revoke(&bad);
    let agent = rig.agent(&desk).await;
    let asking = agent.link.open(fetch(0));
    let mut asked = within(asking).await.unwrap();
    asked.finish().await.unwrap();
    let Some(Incoming::Message(message)) = within(asked.next()).await.unwrap() else {
        panic!("no answer")
    };
    let wire::message::Message::Revoked(revoked) = *message else {
        panic!("{message:?}")
    };
    let mut list = Vec::new();
    while let Some(Incoming::Data(bytes)) = within(asked.next()).await.unwrap() {
        list.extend(bytes);
    }
    assert_eq!(list.len() as u64, revoked.size.get());
    let now = membership::UnixTime::now();
    assert!(desk.live.revoke(&list, now).unwrap());
    let known = desk.live.trust().revoked().number();
    assert_eq!(known, revoked.number);
    let mut asked = within(agent.link.open(fetch(known))).await.unwrap();
    asked.finish().await.unwrap();
    within(asked.next()).await.unwrap();
    assert_eq!(within(asked.next()).await.unwrap(), None, "nothing newer");
}

#[tokio::test]
async fn garbage_ends_a_connection_and_nothing_else() {
    let mut rig = Rig::start().await;
    let (builder, desk) = (rig.host("builder", BUILDER), rig.host("desk", DESK));
    let _executor = rig.executor(&builder, 2).await;
    let _line = rig.submitter(&desk).await;
    // No TLS, TLS of nobody, and a member who does not speak what it said it would.
    for bytes in [&[22_u8; 600][..], &[42, 0, 0, 0, 9, 9][..], &[0; 9][..]] {
        rig.raw(bytes).await;
    }
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(100_000)
    .collect();
    rig.noise(&desk.agent(), &noise).await;
    let agent = rig.agent(&desk).await;
    agent.want(1).await.grants(1).await;
}

fn assert_reset(error: &LinkError, wanted: ResetCode) {
    assert!(
        matches!(error, LinkError::Reset { code, .. } if *code == wanted),
        "{error}"
    );
}

#[tokio::test]
async fn only_schedulers_stand_for_election() {
    let mut rig = Rig::start().await;
    let host = rig.host("liar", &[Role::Submit, Role::Execute, Role::Monitor]);
    let candidate = Candidate {
        started_ms: 0,
        port: wire::name::Port::new(8765).unwrap(),
        addresses: wire::field::List::default(),
    };
    for live in [host.live.clone(), host.agent()] {
        let liar = rig.link(&live).await;
        let mut said = within(liar.link.open(candidate.clone())).await.unwrap();
        let refused = within(said.next()).await.unwrap_err();
        assert!(!refused.is_final(), "{refused}");
    }
}

fn fetch(known: u64) -> FetchRevoked {
    FetchRevoked {
        known,
        scheduler_port: None,
        scheduler_addresses: wire::field::List::default(),
    }
}

#[tokio::test]
async fn what_others_compile_is_shown_to_monitors_only() {
    let mut rig = Rig::start().await;
    let (desk, other) = (
        rig.host("desk", &[Role::Submit]),
        rig.host("other", &[Role::Submit]),
    );
    let watcher = rig.host("watcher", &[Role::Submit, Role::Monitor]);
    let mut line = rig.submitter(&desk).await;
    let _lines = (rig.submitter(&other).await, rig.submitter(&watcher).await);
    let builder = rig.host("builder", BUILDER);
    let _executor = rig.executor(&builder, 4).await;
    let wanted = GetCs {
        versions: vec![Environment {
            platform: "x86_64".to_owned(),
            name: TOOLCHAIN.to_string()[..32].to_owned(),
        }],
        filename: b"home/desk/secret-plan.c".to_vec(),
        lang: 0,
        count: 1,
        target: "x86_64".to_owned(),
        arg_flags: 0,
        client_id: 1,
        preferred_host: String::new(),
        ignore_unverified: 0,
        minimal_host_version: 0,
        client_count: 1,
        required_features: 0,
        niceness: 0,
    };
    line.say(Message::GetCs(wanted)).await;
    rig.settled("secret-plan", true).await;
    for (host, sees) in [(&desk, true), (&other, false), (&watcher, true)] {
        let agent = rig.agent(host).await;
        let mut exchange = within(agent.link.open(Look {})).await.unwrap();
        within(exchange.finish()).await.unwrap();
        let mut seen = Vec::new();
        while let Some(incoming) = within(exchange.next()).await.unwrap() {
            if let Incoming::Data(bytes) = incoming {
                seen.extend_from_slice(&bytes);
            }
        }
        let seen = String::from_utf8(seen).unwrap();
        assert!(seen.contains("desk") && seen.contains("sub:desk"), "{seen}");
        assert_eq!(seen.contains("secret-plan"), sees, "{seen}");
    }
}
