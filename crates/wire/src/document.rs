//! `docs/protocol.md`, written from the definitions.

use std::fmt::Write as _;

use crate::define::{Choice, Definition, FieldDefinition};
use crate::frame::{HEADER, Kind, Scope};
use crate::grant::{Grant, SignedGrant};
use crate::id::ResetCode;
use crate::limits::{
    LONGEST_DATA, LONGEST_MESSAGE, Limits, MOST_CREDIT, MOST_PONGS, PIECE, Patience,
};
use crate::message::role;
use crate::message::{
    Ability, Address, Ending, Family, InputKind, JobInputs, JobLimits, Lack, Language, Member,
    Message, OutputKind, Packing, Placed, Refusal, Retry, Root, SchedulerPlace, Standing, Taking,
    Toolset, Usage,
};

macro_rules! list_parts {
    ($($name:ident),* $(,)?) => {
        &[$(Definition {
            number: None,
            name: stringify!($name),
            way: "",
            doc: $name::ABOUT,
            fields: $name::FIELDS,
        }),*]
    };
}

/// What stands inside messages.
const PARTS: &[Definition] = list_parts!(
    Taking,
    SignedGrant,
    Grant,
    JobLimits,
    JobInputs,
    Usage,
    Toolset,
    Placed,
    Address,
    SchedulerPlace,
    Root,
    Member,
);

/// The enums in them.
const CHOICES: &[Choice] = &[
    Family::DEFINITION,
    Language::DEFINITION,
    InputKind::DEFINITION,
    Packing::DEFINITION,
    OutputKind::DEFINITION,
    Refusal::DEFINITION,
    Retry::DEFINITION,
    Lack::DEFINITION,
    Ending::DEFINITION,
    role::DEFINITION,
    Standing::DEFINITION,
];

/// Where each conversation begins, and how it goes.
const CONVERSATIONS: &[(u16, &str, &str)] = &[
    (1, "Beginning", "Each end introduces itself."),
    (
        16,
        "A job at its executor",
        "The agent opens a stream with Compile and sends the input as data behind it, without waiting for \
         anything; the end says that the input is whole. The executor answers with Accepted, Started, each output, and Finished, \
         or at any point with Refused. The agent takes its wish back by a reset. A result counts only if it is whole: \
         Finished and the end have come, as many outputs as Finished says, each as long as announced.",
    ),
    (
        24,
        "The files of a member's jobs",
        "Instead of text a job may read the submit host's own files, at their places. The agent tells them on a stream that View \
         opens, each once on a connection, and a job names those that it needs. What the job sees is these files and its toolchain. \
         Files that are there on the submit host, and that something might ask for and nothing reads, are told without their \
         bytes: in their place stands a line that no compiler takes, with the view's marker in it. The data behind Entries is, \
         for each entry: its number's distance from the one before (the first: its number), what it is (1 directory, 2 file, 3 the \
         same file as another entry, 4 symbolic link, 5 a file without its bytes), marks (1 fresh: what was set up before \
         must not get it, since jobs there relied on its absence; 2 executable), the length of its path and the path, absolute and without links; then for a \
         file the 32 bytes of its BLAKE3 digest, its length, seconds (zigzag) and nanoseconds of its time and its bytes; for \
         the same file the number of the other; for a link the length of what it says, and that. Numbers are varints. An entry's key is BLAKE3 of the \
         length of its path, the path, what it is, and: a file's digest, length, seconds (8 bytes), nanoseconds (4 bytes, the lowest first) and whether it \
         is executable (1 byte); the other's key; what a link says.",
    ),
    (
        32,
        "Executors for jobs",
        "An agent asks ahead of need. It opens one stream for each kind of job that it has, and keeps it \
         as long as it has such jobs. Each grant is for one executor and some jobs; jobs are ordered there without asking again.",
    ),
    (
        48,
        "Which scheduler is in charge",
        "Daemons, agents and schedulers ask, each on a stream of its own. A daemon's line to the scheduler that is in charge \
         speaks icecream's protocol inside TLS, and has nothing of this one.",
    ),
    (
        64,
        "Toolchains by content",
        "The manifest first, then only the files that are missing, in parallel, from whoever has them. A \
         file that was cut off goes on where it was. An executor that has a toolchain answers Offer with Verified only \
         to those who may know that it has it: members that have sent it, or proved each of its files. To others nothing is \
         there. What several executors miss, each gets a part of from the agent and the rest from the others (Elsewhere), \
         which hand on only what the agent's member has brought there, to whom it names (Share). The agent knows who has what \
         because it brought it there; nobody else can be asked, since the answer would tell members of each other's toolchains.",
    ),
    (
        80,
        "Membership",
        "Certificates, requests for them and signed lists are opaque bytes here. What the authority does not do \
         is answered by Denied. Over the network the authority answers JoinRequest, Renew and FetchRevoked; the messages for \
         administrators have their form and wait: invitations, revocations and the list of members are made on its own host.",
    ),
];

/// The whole document.
pub fn markdown() -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _infallible = write_all(&mut text);
    text
}

fn write_all(out: &mut String) -> std::fmt::Result {
    out.write_str(
        "# floe's protocol\n\n\
         What members of a cluster say to each other. Generated from the definitions in `crates/wire`; \
         change those and run `cargo xtask generate`.\n\n",
    )?;
    frames(out)?;
    streams(out)?;
    credit(out)?;
    releases(out)?;
    out.write_str(
        "## Messages\n\n\
         Fields are those of Protocol Buffers (proto3). What a field does not accept ends its stream with \
         \"invalid field\"; a field that is marked \"may be absent\" may be left out, any other has the value \
         0, empty or none then, and must accept it.\n",
    )?;
    for definition in Message::DEFINITIONS {
        for (number, title, story) in CONVERSATIONS {
            if definition.number == Some(*number) {
                writeln!(out, "\n## {title}\n\n{story}")?;
            }
        }
        definition_section(out, definition)?;
    }
    out.write_str("\n## What stands inside messages\n")?;
    for part in PARTS {
        definition_section(out, part)?;
    }
    for choice in CHOICES {
        choice_section(out, choice)?;
    }
    Ok(())
}

fn frames(out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Frames\n\n\
         A connection is a sequence of frames in both directions: {HEADER} bytes of header and a payload. The header is the \
         kind (1 byte), the stream (4 bytes) and the payload's length (4 bytes), highest byte first. A frame \
         that is out of range is refused from its header.\n\n\
         | kind | number | stream | payload, bytes | meaning |\n|---|---|---|---|---|"
    )?;
    for kind in Kind::ALL {
        let lengths = kind.lengths();
        let length = if lengths.start() == lengths.end() {
            lengths.start().to_string()
        } else {
            format!("{} to {}", lengths.start(), lengths.end())
        };
        let scope = match kind.scope() {
            Scope::Stream => "any but 0",
            Scope::Connection => "0",
            Scope::Either => "any",
        };
        writeln!(
            out,
            "| {kind} | {} | {scope} | {length} | {} |",
            *kind as u8,
            kind.meaning().trim()
        )?;
    }
    writeln!(
        out,
        "\nA message's payload is its number (2 bytes, highest first) and its body. The longest that anybody \
         accepts is {LONGEST_MESSAGE} bytes; the hello may say less. Data frames carry up to {LONGEST_DATA} bytes; floe sends \
         {PIECE} at a time.\n"
    )
}

fn streams(out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Streams\n\n\
         The first frame of each end is its Hello, on stream 0. Neither waits for the other's. Whoever made the \
         connection opens the streams 1, 3, 5, …, the other end 2, 4, 6, …, without gaps. On a stream, messages and \
         data keep their order; between streams there is no order: messages go before data, and data of several \
         streams takes turns.\n\n\
         A stream is over when both ends have sent an end, or when both have sent a reset: who receives a reset \
         answers with one. Until that has come, frames that were on their way are passed over, within the \
         stream's credit. A reset must be answered before any ping that came after it.\n\n\
         | code | word | meaning |\n|---|---|---|"
    )?;
    for (code, word, meaning) in ResetCode::ALL {
        writeln!(out, "| {} | {word} | {} |", code.0, meaning.trim())?;
    }
    let patience = Patience::default();
    writeln!(
        out,
        "\nWhatever else breaks a rule of this page ends the connection with a go-away that says what it was.\n\n\
         floe waits {} s for a hello. After {} s without a whole frame it sends a ping, and after {} s more \
         without one it ends the connection. At most {MOST_PONGS} pings may be unanswered.\n",
        patience.hello.as_secs(),
        patience.quiet.as_secs(),
        patience.answer.as_secs()
    )
}

fn credit(out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Credit\n\n\
         Data costs credit, byte for byte: of its stream and of the connection. Messages cost none. The hello says \
         how much an end gives at first; credit frames give more, when data was used up. A stream that nobody reads \
         thus stops only itself. Nobody may have more than {MOST_CREDIT}. Where messages come faster than they are read, an \
         end keeps a few mebibytes of them for each stream, less when many streams have many, and resets the stream \
         that goes beyond that: \"busy\".\n\n\
         Before the hello has come, the other end is taken to give the least that is allowed:\n\n\
         | limit | least | usual |\n|---|---|---|"
    )?;
    let values = |limits: Limits| {
        [
            ("open streams", limits.streams()),
            ("credit of a stream, bytes", limits.stream_credit()),
            ("credit of a connection, bytes", limits.connection_credit()),
            ("longest message, bytes", limits.longest_message()),
        ]
    };
    for ((name, least), (_, usual)) in values(Limits::LEAST).into_iter().zip(values(Limits::USUAL))
    {
        writeln!(out, "| {name} | {least} | {usual} |")?;
    }
    out.write_str("\n")
}

fn releases(out: &mut String) -> std::fmt::Result {
    out.write_str(
        "## Releases\n\n\
         There is no version of the protocol. Each hello lists what its end can do beyond the first release, \
         by name, and what both can do may be used. Fields that are not known are passed over, except in a Grant, which \
         is refused then. A message of an unknown kind ends its stream with \"unknown message\"; an unknown kind of frame \
         ends the connection, so new kinds need a name in the hello. Numbers are never used again for something else.\n\n\
         | name | what its end can do |\n|---|---|\n",
    )?;
    for ability in Ability::ALL {
        writeln!(out, "| `{}` | {} |", ability.name(), ability.about())?;
    }
    out.write_str("\n")
}

fn definition_section(out: &mut String, definition: &Definition) -> std::fmt::Result {
    writeln!(out, "\n### {}\n", definition.name)?;
    if let Some(number) = definition.number {
        writeln!(out, "Number {number}; {}.\n", definition.way)?;
    }
    writeln!(out, "{}", definition.doc.trim())?;
    if definition.fields.is_empty() {
        return Ok(());
    }
    out.write_str("\n| field | name | type | meaning | accepted |\n|---|---|---|---|---|\n")?;
    for field in definition.fields {
        let FieldDefinition {
            number, name, doc, ..
        } = field;
        writeln!(
            out,
            "| {number} | `{name}` | {} | {} | {} |",
            wire_type(field.wire),
            doc.trim(),
            (field.accepts)()
        )?;
    }
    Ok(())
}

fn choice_section(out: &mut String, choice: &Choice) -> std::fmt::Result {
    let unknown = match choice.otherwise {
        Some(value) => format!("Any other value is taken for {value}."),
        None => "No other value is accepted.".to_owned(),
    };
    writeln!(
        out,
        "\n### {}\n\n{} {unknown}\n\n| value | meaning |\n|---|---|",
        choice.name,
        choice.doc.trim()
    )?;
    for (value, meaning) in choice.values {
        writeln!(out, "| {value} | {} |", meaning.trim())?;
    }
    Ok(())
}

/// What is given to prost, in words.
fn wire_type(given: &str) -> String {
    let plain = given.replace(" = \"vec\"", "");
    let mut words = plain.split(',').map(str::trim);
    let base = words.next().unwrap_or_default();
    match words.next() {
        Some("repeated") => format!("repeated {base}"),
        _ => base.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_and_every_field_number_is_used_once() {
        let mut numbers: Vec<_> = Message::DEFINITIONS
            .iter()
            .filter_map(|definition| definition.number)
            .collect();
        let count = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
        assert!(numbers.is_sorted(), "the document goes by number");
        for definition in Message::DEFINITIONS.iter().chain(PARTS) {
            let fields: Vec<_> = definition.fields.iter().map(|field| field.number).collect();
            let expected: Vec<_> = (1..).take(fields.len()).collect();
            assert_eq!(fields, expected, "{}", definition.name);
        }
    }

    #[test]
    fn every_part_that_a_field_names_is_in_the_document() {
        let text = markdown();
        for link in text.split("](#").skip(1) {
            let name = link.split(')').next().unwrap_or_default();
            let found = text.lines().any(|line| {
                line.strip_prefix("### ")
                    .is_some_and(|h| h.to_lowercase() == name)
            });
            assert!(found, "{name}");
        }
    }
}
