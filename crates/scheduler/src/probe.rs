//! Whether a daemon's port can be reached from here: a connection that is closed at once, as
//! icecream's scheduler makes it.

use std::time::Duration;

use tokio::time::sleep;
use transport::{HostPort, connect_tcp_stream};

const DEADLINE: Duration = Duration::from_secs(5);
/// Between probes of a port that answers.
const PERIOD: Duration = Duration::from_secs(60);
/// Between probes of one that does not: doubled each time up to the second figure.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(128);

async fn one_answers(places: &[HostPort]) -> bool {
    for place in places {
        if let Ok(address) = place.resolve().await
            && connect_tcp_stream(address, DEADLINE, None).await.is_ok()
        {
            return true;
        }
    }
    false
}

/// Probes for ever; calls `tell` with each result until it returns false.
pub(crate) async fn probe(places: Vec<HostPort>, mut tell: impl AsyncFnMut(bool) -> bool) {
    let mut retry = FIRST_RETRY;
    loop {
        let reachable = one_answers(&places).await;
        if !tell(reachable).await {
            return;
        }
        if reachable {
            retry = FIRST_RETRY;
            sleep(PERIOD).await;
        } else {
            sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }
}
