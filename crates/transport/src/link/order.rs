//! What others have the connection's task do.

use std::fmt;

use tokio::sync::{mpsc, oneshot};

use super::LinkError;
use super::pump::Pump;
use crate::stream::Endpoint;

/// Something to be done with the connection.
pub(super) struct Order(Box<dyn FnOnce(&mut Pump) + Send>);

impl Order {
    pub(super) fn do_it(work: impl FnOnce(&mut Pump) + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    pub(super) fn be_done(self, pump: &mut Pump) {
        (self.0)(pump);
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Order")
    }
}

/// Has the task do something, and waits for what it gives.
pub(super) async fn ask<T: Send + 'static>(
    orders: &mpsc::Sender<Order>,
    peer: &Endpoint,
    work: impl FnOnce(&mut Pump) -> T + Send + 'static,
) -> Result<T, LinkError> {
    let (answer, answered) = oneshot::channel();
    let order = Order::do_it(move |pump| {
        // Who asked may have left.
        let _gone = answer.send(work(pump));
    });
    let sent = orders.send(order).await.is_ok();
    let given = if sent { answered.await.ok() } else { None };
    given.ok_or_else(|| LinkError::Ended {
        peer: peer.clone(),
        why: "it was closed".into(),
    })
}
