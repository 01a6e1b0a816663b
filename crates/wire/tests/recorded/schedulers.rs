//! Two schedulers that tell each other that they run, and somebody who asks which one is elected.

use wire::message::{Candidate, Elected, WhoSchedules};
use wire::name::Port;

use crate::sessions::{ACCEPTING, Act, CONNECTING, Step, addresses, member};
use wire::field::Line;

pub(crate) fn schedulers() -> Vec<Step> {
    let candidate = |started_ms, addresses| Candidate {
        started_ms,
        port: Port::new(8765).unwrap(),
        addresses,
    };
    let elected = Elected {
        scheduler: member(4),
        addresses: addresses(),
        why: Line::new("cook has run longest of 2 schedulers"),
    };
    let asked = WhoSchedules {
        addresses: addresses(),
    };
    vec![
        (
            CONNECTING,
            Act::Open(candidate(1_800_000_000_000, addresses()).into()),
        ),
        (
            ACCEPTING,
            Act::Say(
                0,
                candidate(1_800_000_000_001, wire::field::List::default()).into(),
            ),
        ),
        (CONNECTING, Act::Open(asked.into())),
        (CONNECTING, Act::End(1)),
        (ACCEPTING, Act::Say(1, elected.into())),
        (ACCEPTING, Act::End(1)),
    ]
}
