//! A member looks at the scheduler, as others do at its control port.

use membership::Peer as Member;
use tokio::sync::{mpsc, oneshot};
use transport::{Exchange, LinkError};
use wire::ResetCode;
use wire::message::Overview;
use wire::name::Size;

use crate::core::Input;
use crate::election::{Ballot, Verdict};

pub(super) async fn answer(
    mut exchange: Exchange,
    member: Member,
    inputs: mpsc::Sender<Input>,
    ballot: Option<Ballot>,
) {
    let verdict = ballot.map(|ballot| ballot.verdict());
    let Some(text) = text(member, &inputs, verdict).await else {
        return exchange.reset(ResetCode::GOING_AWAY);
    };
    if let Err(error) = tell(&mut exchange, text).await {
        tracing::debug!("{error}");
    }
}

async fn text(
    member: Member,
    inputs: &mpsc::Sender<Input>,
    verdict: Option<Verdict>,
) -> Option<String> {
    let (answer, shown) = oneshot::channel();
    let member = Box::new(member);
    inputs.send(Input::Look { member, answer }).await.ok()?;
    let mut parts = shown.await.ok()?;
    if let Some(Verdict::Own { why }) = verdict {
        // A line below the greeting, which earlier releases do not read.
        parts[0].push_str(&format!("\nelected: {why}\n"));
    }
    Some(parts.join("\0"))
}

async fn tell(exchange: &mut Exchange, text: String) -> Result<(), LinkError> {
    // A text in memory is shorter than any size that cannot be said.
    let size = Size::new(text.len() as u64).unwrap_or(Size::MOST);
    exchange.send(Overview { size }).await?;
    exchange.send_data(text.into_bytes()).await?;
    exchange.finish().await?;
    while exchange.next().await?.is_some() {}
    Ok(())
}
