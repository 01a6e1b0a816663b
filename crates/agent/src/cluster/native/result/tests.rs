use job::MemberId;
use wire::field::{List, Opaque};
use wire::grant::SignedGrant;
use wire::message::{Accepted, Message, Packing, Refusal, Retry, Started};
use wire::name::{Count, ExitCode, Micros, Signal, Size};

use super::*;

fn accepted() -> Message {
    let queued = Count::new(0).unwrap();
    Accepted { queued }.into()
}

fn output(kind: OutputKind, size: u64) -> Message {
    Output {
        kind,
        size: Size::new(size).unwrap(),
        packing: Packing::Plain,
    }
    .into()
}

fn grant(number: u8) -> SignedGrant {
    SignedGrant {
        grant: Opaque::new(vec![number]).unwrap(),
        signature: Opaque::default(),
        signer: MemberId::from_bytes([1; 16]),
    }
}

/// What proves an output to be the tests' job's.
fn proof(kind: OutputKind, bytes: &[u8]) -> Digest {
    let mut proof = ProofKey::of(&grant(1)).begin(kind);
    proof.update(bytes);
    proof.finish()
}

/// With proofs that nobody compares.
fn finished(outputs: u32, exit_code: Option<u32>, signal: Option<u32>) -> Message {
    let proofs = vec![Digest::from_bytes([0; 32]); outputs as usize];
    finished_with(proofs, exit_code, signal)
}

fn finished_with(proofs: Vec<Digest>, exit_code: Option<u32>, signal: Option<u32>) -> Message {
    let outputs = u32::try_from(proofs.len()).unwrap();
    Finished {
        exit_code: exit_code.map(|code| ExitCode::new(code).unwrap()),
        signal: signal.map(|number| Signal::new(number).unwrap()),
        outputs: Count::new(outputs).unwrap(),
        usage: Usage {
            user_us: Micros::LEAST,
            system_us: Micros::LEAST,
            peak_memory: Size::LEAST,
            waited_us: Micros::LEAST,
            ran_us: Micros::LEAST,
        },
        proofs: List::new(proofs).unwrap(),
    }
    .into()
}

#[allow(clippy::large_enum_variant, reason = "few are alive at a time")]
enum Came {
    Message(Message),
    Data(&'static [u8]),
}
use Came::{Data, Message as Word};

/// What an answer of these parts amounts to, and the bytes for files.
fn read(parts: Vec<Came>) -> Result<(Verdict, Vec<u8>), Failure> {
    let wanted = vec![
        OutputKind::Object,
        OutputKind::StandardOutput,
        OutputKind::StandardError,
    ];
    let mut answer = Answer::to(wanted, ProofKey::of(&grant(1)));
    let mut file = Vec::new();
    for part in parts {
        let arrived = match part {
            Word(message) => Incoming::Message(message.into()),
            Data(bytes) => Incoming::Data(bytes.to_vec()),
        };
        match answer.take(arrived)? {
            Step::Bytes(bytes) => file.extend(bytes),
            Step::Nothing | Step::File(_) => {}
            Step::Refused(refused) => return Err(why(&refused)),
        }
    }
    let (verdict, _, proofs) = answer.end()?;
    // The caller compares them.
    assert!(proofs.len() <= 1);
    Ok((verdict, file))
}

fn reason(parts: Vec<Came>) -> (Reason, bool) {
    let failure = read(parts).expect_err("it was taken for a result");
    (failure.reason, failure.retry)
}

fn begun() -> Vec<Came> {
    vec![Word(accepted()), Word(Started {}.into())]
}

fn after_begin(parts: Vec<Came>) -> Vec<Came> {
    begun().into_iter().chain(parts).collect()
}

#[test]
fn a_whole_answer_is_a_verdict() {
    let parts = after_begin(vec![
        Word(output(OutputKind::StandardError, 4)),
        Data(b"oh"),
        Data(b"no"),
        Word(output(OutputKind::Object, 3)),
        Data(b"ELF"),
        Word(finished_with(
            vec![
                proof(OutputKind::StandardError, b"ohno"),
                proof(OutputKind::Object, b"ELF"),
            ],
            Some(0),
            None,
        )),
    ]);
    let (verdict, file) = read(parts).unwrap();
    let expected = Verdict {
        status: 0,
        stderr: b"ohno".to_vec(),
        ..Verdict::default()
    };
    assert_eq!((verdict, file.as_slice()), (expected, &b"ELF"[..]));
}

#[test]
fn what_is_not_whole_or_not_in_order_is_the_executors_fault() {
    use OutputKind::{Object, SplitDwarf, StandardError};
    let incomplete = (Reason::ResultIncomplete, true);
    let protocol = (Reason::PeerProtocol, true);
    let object = || vec![Word(output(Object, 1)), Data(b"x")];
    let with = |more: Vec<Came>| after_begin(object().into_iter().chain(more).collect());
    for (parts, expected) in [
        (vec![], incomplete),
        (with(vec![]), incomplete),
        (with(vec![Word(finished(2, Some(0), None))]), incomplete),
        (
            after_begin(vec![Word(finished(0, Some(0), None))]),
            incomplete,
        ),
        (with(vec![Word(output(Object, 1))]), protocol),
        (with(vec![Word(output(SplitDwarf, 1))]), protocol),
        (with(vec![Word(accepted())]), protocol),
        (
            with(vec![Word(finished(1, Some(0), None)), Data(b"y")]),
            protocol,
        ),
        (
            with(vec![
                Word(finished(1, Some(0), None)),
                Word(finished(1, Some(0), None)),
            ]),
            protocol,
        ),
        (with(vec![Word(finished(1, None, None))]), protocol),
        (with(vec![Word(finished(1, Some(0), Some(9)))]), protocol),
        (object(), protocol),
        (vec![Word(Started {}.into())], protocol),
        (after_begin(vec![Data(b"x")]), protocol),
        (
            with(vec![
                Word(output(StandardError, 2)),
                Data(b"x"),
                Word(finished(2, Some(0), None)),
            ]),
            incomplete,
        ),
        (
            with(vec![Word(output(StandardError, 2)), Data(b"xyz")]),
            incomplete,
        ),
    ] {
        assert_eq!(reason(parts), expected);
    }
}

#[test]
fn a_failed_compiler_needs_no_object() {
    let parts = after_begin(vec![
        Word(output(OutputKind::StandardError, 1)),
        Data(b"!"),
        Word(finished_with(
            vec![proof(OutputKind::StandardError, b"!")],
            Some(1),
            None,
        )),
    ]);
    assert_eq!(read(parts).unwrap().0.status, 1);
    let killed = after_begin(vec![Word(finished(0, None, Some(9)))]);
    assert_eq!(reason(killed), (Reason::RemoteKilled, false));
    let crashed = after_begin(vec![Word(finished(0, None, Some(11)))]);
    assert_eq!(reason(crashed), (Reason::RemoteCrashed, false));
}

#[test]
fn refusals_are_told_apart() {
    for (refusal, retry, expected) in [
        (Refusal::Busy, Retry::Elsewhere, (Reason::PeerRefused, true)),
        (
            Refusal::BadInput,
            Retry::Never,
            (Reason::PeerRefused, false),
        ),
        (
            Refusal::TooLarge,
            Retry::Elsewhere,
            (Reason::RemoteMemory, true),
        ),
        (
            Refusal::HandedBack,
            Retry::Elsewhere,
            (Reason::HandedBack, true),
        ),
        (
            Refusal::DiskFull,
            Retry::Elsewhere,
            (Reason::RemoteDisk, true),
        ),
    ] {
        let refused = Refused {
            reason: refusal,
            text: wire::field::Line::new("why"),
            retry,
        };
        // At any point.
        assert_eq!(reason(vec![Word(refused.clone().into())]), expected);
        assert_eq!(reason(after_begin(vec![Word(refused.into())])), expected);
    }
}

#[test]
fn what_is_said_has_to_be_this_jobs() {
    let said = |proofs: Vec<Digest>| {
        after_begin(vec![
            Word(output(OutputKind::StandardError, 1)),
            Data(b"!"),
            Word(finished_with(proofs, Some(1), None)),
        ])
    };
    let mut other = ProofKey::of(&grant(2)).begin(OutputKind::StandardError);
    other.update(b"!");
    for wrong in [
        proof(OutputKind::StandardError, b"?"),
        proof(OutputKind::StandardOutput, b"!"),
        other.finish(),
    ] {
        assert_eq!(reason(said(vec![wrong])), (Reason::ResultWrong, true));
    }
    let unproved = after_begin(vec![
        Word(output(OutputKind::StandardError, 1)),
        Data(b"!"),
        Word(unproved(1)),
    ]);
    assert_eq!(reason(unproved), (Reason::ResultWrong, true));
}

/// As an executor says it that knows nothing of proofs.
fn unproved(outputs: u32) -> Message {
    let Message::Finished(finished) = finished(outputs, Some(1), None) else {
        panic!("it is one");
    };
    Finished {
        proofs: List::default(),
        ..finished
    }
    .into()
}
