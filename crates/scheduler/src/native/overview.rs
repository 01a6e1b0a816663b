//! A member looks at the scheduler, as others do at its control port.

use tokio::sync::{mpsc, oneshot};
use transport::{Exchange, LinkError};
use wire::ResetCode;
use wire::message::Overview;
use wire::name::Size;

use crate::control::Command;
use crate::core::Input;
use crate::election::{Ballot, Verdict};

/// What is shown, in this order.
const SHOWN: [Command; 3] = [Command::Greeting, Command::ListHosts, Command::ListJobs];

pub(super) async fn answer(
    mut exchange: Exchange,
    inputs: mpsc::Sender<Input>,
    ballot: Option<Ballot>,
) {
    let verdict = ballot.map(|ballot| ballot.verdict());
    let Some(text) = text(&inputs, verdict).await else {
        return exchange.reset(ResetCode::GOING_AWAY);
    };
    if let Err(error) = tell(&mut exchange, text).await {
        tracing::debug!("{error}");
    }
}

async fn text(inputs: &mpsc::Sender<Input>, verdict: Option<Verdict>) -> Option<String> {
    let mut parts = Vec::new();
    for command in SHOWN {
        let (answer, text) = oneshot::channel();
        inputs.send(Input::Command { command, answer }).await.ok()?;
        parts.push(text.await.ok()?);
    }
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
