//! What an agent says on a view's stream.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use transport::bulk::Unpacker;
use transport::{Exchange, Incoming};
use wire::field::Line;
use wire::message::{Entries, Message, Refusal, ViewLost};
use wire::view::MOST_TOGETHER;

use super::Open;
use super::lost::Lost;
use super::view::View;

/// The longest silence within a message's data.
const QUIET: Duration = Duration::from_secs(30);
/// How long the agent may take to read that the view is over.
const LINGER: Duration = Duration::from_secs(5);

/// Entries of which data may still come.
struct Coming {
    count: u32,
    size: usize,
    _room: OwnedSemaphorePermit,
    unpacker: Unpacker,
    /// None when they are applied: of a packed message the very end may come after that.
    plain: Option<Vec<u8>>,
}

/// The same, or says why there is no view.
pub(crate) async fn listen(opened: Result<Open, Lost>, exchange: Exchange) {
    match opened {
        Ok(open) => attend(open, exchange).await,
        Err(lost) => refuse(exchange, &lost).await,
    }
}

/// Listens until the agent ends the stream, says nonsense, or the view is given up.
async fn attend(open: Open, mut exchange: Exchange) {
    let view = std::sync::Arc::clone(&open.view);
    let mut coming = None;
    let lost = loop {
        let waits = matches!(&coming, Some(Coming { plain: Some(_), .. }));
        let next = async {
            match waits {
                true => timeout(QUIET, exchange.next()).await.ok(),
                false => Some(exchange.next().await),
            }
        };
        let next = tokio::select! {
            next = next => next,
            lost = view.ended() => break lost,
        };
        let said = match next {
            None => break Lost::new(Refusal::BadInput, "entries were announced and did not come"),
            // The agent has no more use for it, or has gone.
            Some(Ok(None) | Err(_)) => return,
            Some(Ok(Some(said))) => said,
        };
        if let Err(lost) = take(&view, &mut coming, said).await {
            break lost;
        }
    };
    tracing::debug!("a view is given up: {}", lost.text);
    view.lost(lost.clone());
    drop(open);
    refuse(exchange, &lost).await;
}

async fn refuse(mut exchange: Exchange, lost: &Lost) {
    let last = ViewLost {
        reason: lost.reason,
        text: Line::new(&lost.text),
    };
    let farewell = async {
        exchange.send(last).await?;
        exchange.finish().await?;
        while exchange.next().await?.is_some() {}
        Ok::<_, transport::LinkError>(())
    };
    let _either_way = timeout(LINGER, farewell).await;
}

async fn take(
    view: &std::sync::Arc<View>,
    coming: &mut Option<Coming>,
    said: Incoming,
) -> Result<(), Lost> {
    let message = match said {
        Incoming::Data(bytes) => return feed(view, coming, &bytes).await,
        Incoming::Message(message) => *message,
    };
    if let Some(before) = coming.take() {
        before.unpacker.finish().map_err(|wrong| bad(&wrong))?;
    }
    match message {
        Message::Entries(entries) => {
            *coming = Some(Coming::of(view, &entries).await?);
            feed(view, coming, &[]).await
        }
        Message::Gone(gone) => view.gone(&gone.entries).await,
        _ => {
            let text = "a message that has no place on a view's stream";
            Err(Lost::new(Refusal::BadInput, text))
        }
    }
}

impl Coming {
    async fn of(view: &View, entries: &Entries) -> Result<Self, Lost> {
        let size = usize::try_from(entries.size.get()).ok();
        let size = size.filter(|size| *size <= MOST_TOGETHER).ok_or_else(|| {
            let text = "more bytes of entries than may be told together";
            Lost::new(Refusal::BadInput, text)
        })?;
        let room = view.room(size).await.ok_or_else(|| {
            let text = "too many entries of this member come at a time";
            Lost::new(Refusal::OverLimit, text)
        })?;
        let unpacker = Unpacker::new(entries.packing, entries.size.get());
        Ok(Self {
            count: entries.count.get(),
            size,
            _room: room,
            unpacker: unpacker.map_err(|wrong| bad(&wrong))?,
            plain: Some(Vec::new()),
        })
    }
}

/// Unpacks what came, and takes the entries when they are complete.
async fn feed(
    view: &std::sync::Arc<View>,
    coming: &mut Option<Coming>,
    packed: &[u8],
) -> Result<(), Lost> {
    let Some(now) = coming else {
        let text = "data that belongs to no entries";
        return Err(Lost::new(Refusal::BadInput, text));
    };
    let mut more = Vec::new();
    let fed = now.unpacker.feed(packed, &mut |bytes| {
        more.extend_from_slice(bytes);
        Ok::<(), std::convert::Infallible>(())
    });
    let Ok(()) = fed.map_err(|wrong| bad(&wrong))?;
    let Some(plain) = &mut now.plain else {
        return Ok(());
    };
    plain.extend_from_slice(&more);
    if plain.len() < now.size {
        return Ok(());
    }
    let whole = now.plain.take().unwrap_or_default();
    view.apply(now.count, whole).await
}

fn bad(wrong: &transport::bulk::Wrong) -> Lost {
    Lost::new(Refusal::BadInput, format!("entries do not come: {wrong}"))
}
