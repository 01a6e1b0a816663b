//! Members that do not reach the authority get the list of revoked ones here: it is signed, so it does not
//! matter from whom.

use membership::Live;
use transport::{Exchange, LinkError};
use wire::ResetCode;
use wire::message::{FetchRevoked, Revoked};
use wire::name::Size;

pub(super) async fn answer(mut exchange: Exchange, asked: FetchRevoked, live: Live) {
    if let Err(error) = tell(&mut exchange, &asked, &live).await {
        tracing::debug!("{error}");
        exchange.reset(ResetCode::FAILED);
    }
}

async fn tell(exchange: &mut Exchange, asked: &FetchRevoked, live: &Live) -> Result<(), LinkError> {
    let trust = live.trust();
    let list = trust.revoked();
    let bytes = match list.number() > asked.known {
        true => list.bytes().to_vec(),
        false => Vec::new(),
    };
    let revoked = Revoked {
        number: list.number(),
        // A list is shorter than any size that cannot be said.
        size: Size::new(bytes.len() as u64).unwrap_or(Size::MOST),
        schedulers: wire::field::List::default(),
    };
    exchange.send(revoked).await?;
    exchange.send_data(bytes).await?;
    exchange.finish().await?;
    // Its own end comes when it has everything.
    while exchange.next().await?.is_some() {}
    Ok(())
}
