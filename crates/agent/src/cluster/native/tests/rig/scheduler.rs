//! A scheduler that grants what is wanted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use membership::{Context, MemberId, Role, Signer, UnixTime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use transport::{Admitted, Exchange, Gate, Incoming, Link, hello};
use wire::field::{Exactly, List};
use wire::grant::Grant;
use wire::message::{Address, Grants, Message, Placed};
use wire::name::{GrantNumber, HostText, Port, Slots, UnixSeconds};
use wire::{Limits, Side};

use super::{Executor, SOON, World, listener, live};

/// A scheduler: it grants what is wanted on its executors in turn, as long as it is allowed to.
pub(in super::super) struct Scheduler {
    pub(in super::super) address: SocketAddr,
    pub(in super::super) member: MemberId,
    /// How many grants it may still give.
    pub(in super::super) allowed: Arc<AtomicUsize>,
    /// All that it heard.
    pub(in super::super) heard: mpsc::UnboundedReceiver<Message>,
    task: JoinHandle<()>,
}

impl Scheduler {
    pub(in super::super) async fn start(
        world: &mut World,
        submitter: MemberId,
        executors: &[&Executor],
        has_toolchain: bool,
    ) -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let name = format!("scheduler{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let identity = world.member(&name, &[Role::Schedule]);
        let (listener, address) = listener().await;
        let allowed = Arc::new(AtomicUsize::new(1000));
        let (tell, heard) = mpsc::unbounded_channel();
        let executors: Vec<_> = executors
            .iter()
            .map(|executor| (executor.identity.member(), executor.address))
            .collect();
        let desk = Desk {
            signer: identity.signer(),
            member: identity.member(),
            submitter,
            executors,
            has_toolchain,
            allowed: Arc::clone(&allowed),
            tell,
        };
        let gate = Gate::Members(live(&identity));
        let task = tokio::spawn(async move {
            let mut links = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(admitted) = gate.admit(&[Role::Submit], stream, SOON).await else {
                    continue;
                };
                links.spawn(desk.clone().serve(admitted));
            }
        });
        Self {
            address,
            member: identity.member(),
            allowed,
            heard,
            task,
        }
    }

    pub(in super::super) fn dies(&self) {
        self.task.abort();
    }

    /// What was heard next that is no want.
    pub(in super::super) async fn hears(&mut self) -> Message {
        loop {
            let heard = tokio::time::timeout(SOON, self.heard.recv()).await;
            match heard.unwrap().unwrap() {
                Message::Want(_) => {}
                other => return other,
            }
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Desk {
    signer: Signer,
    member: MemberId,
    submitter: MemberId,
    executors: Vec<(MemberId, SocketAddr)>,
    has_toolchain: bool,
    allowed: Arc<AtomicUsize>,
    tell: mpsc::UnboundedSender<Message>,
}

impl Desk {
    async fn serve(self, admitted: Admitted) {
        let (_link, mut arrivals) =
            Link::start(admitted.stream, Side::Accepting, &hello(), Limits::USUAL);
        let mut streams = tokio::task::JoinSet::new();
        while let Some((message, exchange)) = arrivals.next().await {
            streams.spawn(self.clone().grant(message, exchange));
        }
    }

    async fn grant(self, first: Message, mut exchange: Exchange) {
        let (mut want, mut out) = (0, 0);
        let mut next = Some(first);
        loop {
            if let Some(message) = next.take() {
                match &message {
                    Message::Want(wanted) => want = wanted.count.get(),
                    Message::Report(_) => out -= 1,
                    Message::GiveBack(back) => out -= u32::try_from(back.grants.len()).unwrap(),
                    other => panic!("{other:?}"),
                }
                let _ = self.tell.send(message);
            }
            let mut some = Vec::new();
            while out < want && self.may() {
                out += 1;
                some.push(self.placed());
            }
            if !some.is_empty() {
                let grants = List::new(some).unwrap();
                if exchange.send(Grants { grants }).await.is_err() {
                    return;
                }
            }
            match exchange.next().await {
                Ok(Some(Incoming::Message(message))) => next = Some(*message),
                _ => return,
            }
        }
    }

    fn may(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        let taken = self
            .allowed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.is_ok()
    }

    fn placed(&self) -> Placed {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let turn = usize::try_from(number).unwrap() % self.executors.len();
        let (executor, address) = self.executors[turn];
        let now = UnixTime::now().as_secs();
        let one = Slots::new(1).unwrap();
        let grant = Grant {
            number: GrantNumber::new(number).unwrap(),
            executor,
            submitter: self.submitter,
            slots: one,
            jobs: one,
            not_before: UnixSeconds::new(now).unwrap(),
            expires: UnixSeconds::new(now + 60).unwrap(),
            nonce: Exactly([3; 16]),
        };
        let signature = self.signer.sign(Context::GRANT, &grant.encode());
        let signed = grant.signed(signature.0.to_vec(), self.member);
        Placed {
            grant: signed.unwrap(),
            addresses: List::new(vec![place(address)]).unwrap(),
            has_toolchain: self.has_toolchain,
            platform: job::Platform::parse("x86_64").unwrap(),
        }
    }
}

fn place(address: SocketAddr) -> Address {
    Address {
        host: HostText::parse(&address.ip().to_string()).unwrap(),
        port: Port::new(address.port().into()).unwrap(),
    }
}
