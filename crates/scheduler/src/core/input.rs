//! What the owner of the state is told.

use icecream::Message;
use membership::Peer as Member;
use tokio::sync::oneshot;

use crate::connection::{Newcomer, Peer};
use crate::control::Command;
use crate::election::Verdict;
use crate::native as agents;

/// Everything that can happen to the scheduler.
#[derive(Debug)]
pub(crate) enum Input {
    Arrived(Newcomer),
    Said {
        peer: Peer,
        messages: Vec<Message>,
    },
    Closed {
        peer: Peer,
        why: Option<String>,
    },
    Probed {
        peer: Peer,
        reachable: bool,
    },
    /// A better scheduler for the same net has announced itself.
    Outranked {
        text: String,
    },
    /// A line at the control port; the answer is its output.
    Command {
        command: Command,
        answer: oneshot::Sender<String>,
    },
    /// A member looks: greeting, hosts and jobs in the control port's form.
    Look {
        member: Box<Member>,
        answer: oneshot::Sender<[String; 3]>,
    },
    /// The daemons with these names (all for none) are to describe themselves.
    Internals {
        names: Vec<String>,
        answer: oneshot::Sender<Vec<Internals>>,
    },
    /// Of an agent's connection.
    Native(agents::Input),
    /// Which of the members' schedulers is in charge now.
    Elected(Verdict),
    /// Members may have been revoked, or certificates have ended or been renewed.
    Recheck,
}

/// One daemon's description of itself, once it has answered.
#[derive(Debug)]
pub(crate) struct Internals {
    pub(crate) name: String,
    pub(crate) text: oneshot::Receiver<String>,
}
