//! A job that reads the submit host's files: told, named, taken back.

use job::Digest;
use wire::field::{Exactly, Line, List};
use wire::message::*;
use wire::name::{Argument, ViewNumber};
use wire::view::{Batch, Body, Entry, EntryId, EntryPath, Ids, Modified, What};

use crate::sessions::{ACCEPTING, Act, CONNECTING, Step, compile, count, digest, list, size};

fn entries() -> Batch {
    let mut batch = Batch::default();
    let path = |path: &str| EntryPath::new(path.as_bytes()).unwrap();
    let contents = b"int main() {}\n";
    let body = Body {
        digest: Digest::from_bytes(*blake3::hash(contents).as_bytes()),
        size: contents.len() as u64,
        modified: Modified {
            seconds: 1_700_000_000,
            nanoseconds: 5,
        },
        executable: false,
    };
    let things = [
        ("/home/user/project", What::Directory, &b""[..]),
        ("/home/user/project/src/main.cc", What::File(body), contents),
        (
            "/home/user/project/src/again.cc",
            What::Same(EntryId(1)),
            b"",
        ),
        (
            "/home/user/project/include",
            What::Link((*b"src").into()),
            b"",
        ),
        ("/usr/include/unused.h", What::Unsent, b""),
    ];
    for (number, (at, what, contents)) in (0..).zip(things) {
        let entry = Entry {
            path: path(at),
            what,
            is_fresh: number == 3,
        };
        batch.push(EntryId(number), &entry, contents);
    }
    batch
}

pub(crate) fn view() -> Vec<Step> {
    let number = ViewNumber::new(1).unwrap();
    let view = View {
        number,
        toolchain: digest(8),
        marker: Exactly([9; 16]),
    };
    let batch = entries();
    let told = Entries {
        count: count(batch.count()),
        size: size(batch.bytes().len() as u64),
        packing: Packing::Plain,
    };
    let ids = |numbers: &[u32]| Ids::new(numbers.iter().copied().map(EntryId).collect()).unwrap();
    let variable = Argument::new(b"SOURCE_DATE_EPOCH=0".to_vec()).unwrap();
    let mut job = compile();
    job.input = InputKind::Files;
    job.wanted = list(vec![OutputKind::Object, OutputKind::Dependencies]);
    job.inputs = Some(JobInputs {
        terminal: false,
        view: number,
        after: count(1),
        entries: ids(&[0, 1, 4]),
        digest: digest(30),
        environment: List::new(vec![variable]).unwrap(),
    });
    let gone = Gone { entries: ids(&[2]) };
    let lost = ViewLost {
        reason: Refusal::OverLimit,
        text: Line::new("the files of this member take too much room"),
    };
    vec![
        (CONNECTING, Act::Open(view.into())),
        (CONNECTING, Act::Say(0, told.into())),
        (CONNECTING, Act::Data(0, batch.bytes().to_vec())),
        (CONNECTING, Act::Open(job.into())),
        (CONNECTING, Act::End(1)),
        (CONNECTING, Act::Say(0, gone.into())),
        (ACCEPTING, Act::Say(0, lost.into())),
        (ACCEPTING, Act::End(0)),
    ]
}
