//! The conversation with an executor: the work with its grant, the text behind it, the result.
//!
//! Nothing waits for an answer before everything is sent. The job's stream is reset when this is
//! dropped, and the executor ends what it runs for it.

mod bring;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use job::{Digest, Phase, Platform, Reason};
use tracing::warn;
use transport::{Exchange, HostPort, Link, LinkError, Sent, host_port};
use wire::ProofKey;
use wire::message::{Compile, Ending, Placed};
use wire::name::Size;

use super::pool::Warm;
use super::talk::{Job, Short};
use super::ticket::{Desk, Ticket};
use super::{Cluster, no_member, words};
use crate::cluster::{Failure, Marker, Toolchain, Verdict, Work};
use crate::job::Chronicle;
use crate::outputs::{Targets, Writer};
use crate::text::Text;
use crate::toolbox::Toolbox;

/// For the hello of an executor that may take a longer message than all do.
const HELLO: Duration = Duration::from_secs(10);
/// Grants for one job: with the first its toolchain is installed, which may take longer than it is good.
const MOST_GRANTS: usize = 3;

/// An executor with a grant for it.
#[derive(Debug)]
pub(crate) struct Seat {
    cluster: Arc<Cluster>,
    desk: Desk,
    /// Until it is shown to the executor.
    ticket: Option<Ticket>,
    at: At,
    /// What was offered.
    toolchains: Vec<Toolchain>,
    slow_network: bool,
    /// The toolchain had to be brought first.
    installed: bool,
    sent: Option<Sent>,
    writer: Option<Writer>,
}

/// What a grant says.
#[derive(Clone, Debug)]
struct At {
    number: u64,
    executor: membership::MemberId,
    placed: Placed,
    addresses: Vec<HostPort>,
    /// Of those that were offered.
    toolchain: Toolchain,
}

impl At {
    fn of(ticket: &Ticket, toolchains: &[Toolchain]) -> Result<Self, Failure> {
        let grant = ticket.grant().ok_or_else(no_grant)?;
        let addresses = grant.what.addresses.iter().filter_map(host_port);
        let platform = grant.what.platform.as_str();
        let mut offered = toolchains.iter();
        let toolchain = offered.find(|offered| offered.platform == platform);
        let toolchain = toolchain.ok_or_else(|| {
            let detail = format!("the scheduler named a host for {platform} programs");
            Failure::here(Reason::PeerProtocol, detail)
        })?;
        Ok(Self {
            number: grant.number,
            executor: grant.executor,
            addresses: addresses.collect(),
            placed: grant.what.clone(),
            toolchain: toolchain.clone(),
        })
    }
}

impl Seat {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        desk: Desk,
        ticket: Ticket,
        toolchains: &[Toolchain],
        slow_network: bool,
    ) -> Result<Self, Failure> {
        let at = At::of(&ticket, toolchains)?;
        Ok(Self {
            cluster,
            desk,
            ticket: Some(ticket),
            at,
            toolchains: toolchains.to_vec(),
            slow_network,
            installed: false,
            sent: None,
            writer: None,
        })
    }

    /// The executor's address, for display and to know it again.
    pub(crate) fn host(&self) -> String {
        match self.at.addresses.first() {
            Some(first) => first.to_string(),
            None => self.at.executor.to_string(),
        }
    }

    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.at.addresses.first()?.host.parse().ok()
    }

    pub(crate) fn sent(&self) -> Option<Sent> {
        self.sent
    }

    pub(crate) fn job_id(&self) -> u32 {
        u32::try_from(self.at.number).unwrap_or_default()
    }

    pub(crate) fn toolchain(&self) -> &Toolchain {
        &self.at.toolchain
    }

    /// Sends the job and waits for its whole result. The outputs are on disk then, under no right name
    /// yet: [`Seat::receive`] hands them out.
    pub(crate) async fn compile(
        &mut self,
        work: &Work,
        text: &mut Text,
        targets: &Targets,
        chronicle: &mut Chronicle,
        toolbox: &Toolbox,
    ) -> Result<Verdict, Failure> {
        let mut missing = !self.at.placed.has_toolchain;
        let mut refused = None;
        for _ in 0..MOST_GRANTS {
            chronicle.enter(Phase::Connect);
            let warm = self.connect().await?;
            let supply = self.supply(&warm).await;
            let lacks = match &supply {
                Some(supply) => !supply.is_at(self.at.executor),
                None => missing,
            };
            if lacks {
                chronicle.enter(Phase::Install);
                self.installed = true;
                match &supply {
                    Some(supply) => self.bring(supply).await?,
                    None => self.install(warm.address, text, toolbox).await?,
                }
            }
            if self.ticket.as_ref().is_none_or(Ticket::is_stale) {
                chronicle.enter(Phase::Queue);
                let before = self.at.executor;
                self.ask_again().await?;
                chronicle.placed(&self.host(), self.job_id());
                missing = self.at.executor != before && !self.at.placed.has_toolchain;
                if self.at.executor != before {
                    continue;
                }
            }
            chronicle.enter_since(Phase::Prepare, text.began());
            match self.attempt(warm, work, text, targets, chronicle).await {
                Ok(verdict) => return Ok(verdict),
                Err(Short::Failed(failure)) => return Err(failure),
                // It had it a moment ago, or is forgetful.
                Err(Short::NoToolchain(failure)) if refused.is_none() && text.rewind() => {
                    refused = Some(failure);
                    missing = true;
                    if let Some(supply) = supply {
                        supply.lacks(self.at.executor);
                    }
                }
                Err(Short::NoToolchain(failure)) => return Err(failure),
            }
        }
        Err(refused.unwrap_or_else(no_grant))
    }

    /// Another grant, perhaps for another executor.
    async fn ask_again(&mut self) -> Result<(), Failure> {
        self.ticket = None;
        let ticket = self.desk.want().await?;
        self.at = At::of(&ticket, &self.toolchains)?;
        self.ticket = Some(ticket);
        Ok(())
    }

    async fn connect(&mut self) -> Result<Warm, Failure> {
        let live = self.cluster.live().ok_or_else(no_member)?;
        let pool = &self.cluster.pool;
        let connected = pool.get(&live, self.at.executor, &self.at.addresses).await;
        connected.inspect_err(|_| {
            if let Some(mut spent) = self.ticket.take().and_then(Ticket::spend) {
                spent.report(|report| report.ending = Ending::Unreachable);
            }
        })
    }

    async fn attempt(
        &mut self,
        warm: Warm,
        work: &Work,
        text: &mut Text,
        targets: &Targets,
        chronicle: &mut Chronicle,
    ) -> Result<Verdict, Short> {
        let (compile, marker) = self.order(&warm, work).await?;
        let at_terminal = compile.inputs.as_ref().is_some_and(|it| it.terminal);
        let (exchange, warm) = self.open(warm, compile).await?;
        let ticket = self.ticket.take().and_then(Ticket::spend);
        let spent = ticket.ok_or_else(no_grant)?;
        let key = ProofKey::of(&self.at.placed.grant);
        let wanted = (words::wanted(work), key);
        let mut job = Job::new(exchange, wanted, spent, targets, chronicle).marked(marker);
        let mut distrusted = warm.distrusted.clone();
        let ran = tokio::select! {
            biased;
            // An executor that was revoked meanwhile: whatever it says is worth nothing.
            Ok(_) = distrusted.wait_for(|fallen| *fallen) => {
                Err(Failure::elsewhere(Reason::PeerRefused, "the executor was revoked").into())
            }
            ran = job.run(text) => ran.map_err(|short| short.of(&warm.link)),
        };
        let (sent, received) = (job.sent, job.received);
        let ending = match &ran {
            Ok((_, usage)) => (Ending::Done, Some(usage.clone())),
            Err(_) if text.failed() => (Ending::Cancelled, None),
            Err(Short::NoToolchain(_)) => (Ending::Refused, None),
            Err(Short::Failed(failure)) => (ending_of(failure.reason), None),
        };
        let size = |bytes| Size::new(bytes).unwrap_or(Size::MOST);
        job.spent.report(|report| {
            // A refusal was noted when it came.
            if report.refusal.is_none() {
                report.ending = ending.0;
            }
            report.usage = ending.1;
            report.sent = size(sent.bytes);
            report.received = size(received);
        });
        self.writer = job.writer.take();
        if warm.link.is_over() {
            self.cluster
                .pool
                .drop_one(self.at.executor, &warm.link)
                .await;
        }
        if let Err(Short::Failed(failure)) = &ran
            && failure.reason == Reason::ResultWrong
        {
            let (host, executor) = (self.host(), self.at.executor);
            warn!(
                "{host} ({executor}) sent a wrong result and is avoided for a while: {}",
                failure.detail
            );
        }
        let (mut verdict, _) = ran?;
        verdict.at_terminal = at_terminal;
        // What an installation took its share of tells nothing about the network.
        self.sent = (!self.installed).then_some(sent);
        Ok(verdict)
    }

    /// What is asked for, with what no answer may have in it.
    async fn order(&self, warm: &Warm, work: &Work) -> Result<(Compile, Option<Marker>), Failure> {
        let toolchain = self.toolchain();
        let platform = Platform::parse(&toolchain.platform);
        let platform = platform.map_err(|why| unsendable(&why.to_string()))?;
        let terms = words::Terms {
            number: self.at.number,
            grant: &self.at.placed.grant,
            toolchain: toolchain.manifest.unwrap_or(Digest::from_bytes([0; 32])),
            platform: &platform,
        };
        let (inputs, marker) = match &work.files {
            Some(files) => {
                let whose = (self.at.executor, terms.toolchain);
                let (inputs, marker) = self.cluster.views.name(warm, whose, files).await?;
                (Some(inputs), Some(marker))
            }
            None => (None, None),
        };
        let compile = words::compile(work, &terms, inputs);
        let compile = compile.map_err(|why| unsendable(&why.to_string()))?;
        Ok((compile, marker))
    }

    /// Opens the job's stream. A connection that stood for a while may be over unnoticed.
    async fn open(&mut self, warm: Warm, compile: Compile) -> Result<(Exchange, Warm), Failure> {
        match open(&warm.link, compile.clone()).await {
            Ok(exchange) => return Ok((exchange, warm)),
            Err(error) if !warm.is_old || is_ours(&error) => return Err(self.unopened(&error)),
            Err(_) => {}
        }
        let pool = &self.cluster.pool;
        pool.drop_one(self.at.executor, &warm.link).await;
        let warm = self.connect().await?;
        match open(&warm.link, compile).await {
            Ok(exchange) => Ok((exchange, warm)),
            Err(error) => Err(self.unopened(&error)),
        }
    }

    fn unopened(&mut self, error: &LinkError) -> Failure {
        if is_ours(error) {
            return unsendable(&error.to_string());
        }
        if let Some(mut spent) = self.ticket.take().and_then(Ticket::spend) {
            spent.report(|report| report.ending = Ending::Lost);
        }
        words::broken(error)
    }

    /// The outputs, all received.
    pub(crate) fn receive(&mut self, targets: &Targets) -> Writer {
        let writer = self.writer.take();
        // One that never began ends as incomplete.
        writer.unwrap_or_else(|| Writer::start(targets.clone(), None))
    }
}

async fn open(link: &Link, compile: Compile) -> Result<Exchange, LinkError> {
    match link.open(compile.clone()).await {
        Err(error) if is_ours(&error) => {
            // Until it has said what it takes, it is taken to take little.
            let _ = link.hello(HELLO).await;
            link.open(compile).await
        }
        opened => opened,
    }
}

/// What a job's failure was to its executor.
fn ending_of(reason: Reason) -> Ending {
    match reason {
        Reason::ConnectFailed => Ending::Unreachable,
        Reason::ExecutorLeaves => Ending::Refused,
        Reason::PeerLost | Reason::PeerTimeout => Ending::Lost,
        Reason::PeerProtocol | Reason::ResultIncomplete | Reason::ResultWrong => Ending::Broken,
        Reason::RemoteCrashed
        | Reason::RemoteFailed
        | Reason::RemoteKilled
        | Reason::RemoteLimit
        | Reason::OutputWrite => Ending::Done,
        _ => Ending::Other,
    }
}

/// The fault is in what was to be sent.
fn is_ours(error: &LinkError) -> bool {
    use wire::Mistake;
    matches!(
        error,
        LinkError::Mistake {
            mistake: Mistake::TooLong { .. },
            ..
        }
    )
}

fn unsendable(why: &str) -> Failure {
    Failure::here(
        Reason::UnreadableOption,
        format!("the command cannot be sent: {why}"),
    )
}

fn no_grant() -> Failure {
    Failure::elsewhere(Reason::NoHost, "the grant was used up")
}
