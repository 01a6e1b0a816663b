//! Whether a daemon's port can be reached from here: a connection that is closed at once, as
//! icecream's scheduler makes it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(5);
/// Between probes of a port that answers.
const PERIOD: Duration = Duration::from_secs(60);
/// Between probes of one that does not: doubled each time up to the second figure.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(128);

/// Probes for ever; calls `tell` with each result until it returns false.
pub(crate) async fn probe(address: SocketAddr, mut tell: impl AsyncFnMut(bool) -> bool) {
    let mut retry = FIRST_RETRY;
    loop {
        let reachable = matches!(
            timeout(DEADLINE, TcpStream::connect(address)).await,
            Ok(Ok(_))
        );
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
