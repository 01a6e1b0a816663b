//! When to ask whether members may stay.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use transport::Papers;

use crate::core::Input;

/// Certificates end without anybody saying so. A revoked member is to be gone everywhere within 60 s, most of
/// which passes before the list is here.
const PERIOD: Duration = Duration::from_secs(10);

/// Asks for ever: after each change, and from time to time.
pub(crate) async fn keep(mut papers: Option<watch::Receiver<Papers>>, inputs: mpsc::Sender<Input>) {
    loop {
        let changed = async {
            match &mut papers {
                Some(papers) => papers.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        let still_told = tokio::select! {
            told = changed => told,
            () = sleep(PERIOD) => true,
        };
        if !still_told {
            papers = None;
        }
        if inputs.send(Input::Recheck).await.is_err() {
            return;
        }
    }
}
