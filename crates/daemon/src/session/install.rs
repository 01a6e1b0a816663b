//! A toolchain arrives, and is asked about.

use std::time::Duration;

use icecream::{Message, TransferEnv, VerifyEnv, VerifyEnvResult, chunk};
use tokio::time::timeout;

use super::{End, Said, Session};
use crate::shop::Entry;
use crate::toolchains::{Arriving, Ticket};

/// The longest silence within a transfer, as in icecream.
const SILENCE: Duration = Duration::from_secs(30);
/// The longest transfer: 80 MB at 1 Mbit/s take eleven minutes.
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// How long to leave a client's data unread while another client is sending the same toolchain.
/// icecream's clients give up when nothing has moved for 30 s.
const WAIT_FOR_OTHER: Duration = Duration::from_secs(20);

impl Session {
    pub(super) async fn install(&mut self, transfer: TransferEnv) -> Result<(), End> {
        if !self.post.shop.takes_compiles() {
            return self.refuse("this host takes no foreign compiles").await;
        }
        let entry = self.post.shop.entry(&transfer.target, &transfer.name);
        let entry = entry.map_err(|error| End::Refused(error.to_string()))?;
        self.post.tell(Said::InstallBegan).await;
        let received = match timeout(LONGEST, self.receive_toolchain(&entry)).await {
            Ok(received) => received,
            Err(_) => Err(End::Refused(format!(
                "it sent a toolchain for more than {LONGEST:?}"
            ))),
        };
        self.post.tell(Said::InstallEnded).await;
        received
    }

    async fn receive_toolchain(&mut self, entry: &Entry) -> Result<(), End> {
        loop {
            match self.post.shop.toolchains.arrive(entry) {
                Ticket::Present => {
                    tracing::debug!(
                        "toolchain {entry} is here already; what arrives is thrown away"
                    );
                    if self.member.is_none() {
                        return self.discard().await;
                    }
                    // It says that its sender has it.
                    let comparing = self.post.shop.toolchains.compare(entry);
                    return self.unpack(entry, comparing).await;
                }
                Ticket::Taken(other) => match timeout(WAIT_FOR_OTHER, other.ended()).await {
                    Ok(()) => {}
                    Err(_) => {
                        self.discard().await?;
                        other.ended().await;
                        return Ok(());
                    }
                },
                Ticket::Refused(error) => {
                    tracing::warn!("toolchain {entry} from {}: {error}", self.peer.shown);
                    return self.discard().await;
                }
                Ticket::Yours(arriving) => return self.unpack(entry, arriving).await,
            }
        }
    }

    /// A failure of unpacking leaves the connection open: the client learns it when it asks for
    /// verification.
    async fn unpack(&mut self, entry: &Entry, mut arriving: Arriving) -> Result<(), End> {
        tracing::info!("toolchain {entry} arrives from {}", self.peer.shown);
        let mut bytes = 0;
        while let Some(data) = self.next_piece().await? {
            bytes += data.len();
            // When unpacking has failed, the rest is read and dropped: the client is still sending.
            arriving.push(data).await;
        }
        let done = arriving.finish().await;
        if let (Ok(identity), Some(member)) = (&done, self.member) {
            let toolchains = &self.post.shop.toolchains;
            toolchains.has_shown(member, identity.0).await;
        }
        match done.map(drop) {
            // What does not fit says so itself.
            Ok(()) if !self.post.shop.is_fit(entry).await => {}
            Ok(()) => tracing::info!("toolchain {entry} is installed ({bytes} bytes arrived)"),
            Err(error) => tracing::warn!("toolchain {entry} from {}: {error}", self.peer.shown),
        }
        Ok(())
    }

    async fn discard(&mut self) -> Result<(), End> {
        while self.next_piece().await?.is_some() {}
        Ok(())
    }

    async fn next_piece(&mut self) -> Result<Option<Vec<u8>>, End> {
        match timeout(SILENCE, self.channel.receive()).await {
            Err(_) => Err(End::Silent(SILENCE)),
            Ok(message) => match message?.ok_or(End::Closed)? {
                Message::FileChunk(piece) => {
                    let mut data = Vec::new();
                    let unpacked = chunk::decompress(&piece, &mut data);
                    unpacked.map_err(|error| End::Refused(error.to_string()))?;
                    Ok(Some(data))
                }
                Message::End => Ok(None),
                _ => Err(End::Refused(
                    "it sent something else within a toolchain".to_owned(),
                )),
            },
        }
    }

    /// Runs `bin/true` in the toolchain. Two kinds of "no": one that is about the request comes
    /// with a text, one that is about the toolchain without; only after the latter the client has
    /// this host avoided.
    pub(super) async fn verify(&mut self, verify: VerifyEnv) -> Result<(), End> {
        let answer = match self.post.shop.entry(&verify.target, &verify.name) {
            Ok(entry) => self.post.shop.verify(&entry).await,
            Err(error) => Err(error.to_string()),
        };
        let ok = match answer {
            Ok(ok) => ok,
            Err(text) => {
                tracing::info!(
                    "toolchain {} cannot be verified: {text}",
                    verify.name.escape_debug()
                );
                self.send_text(text).await?;
                false
            }
        };
        Ok(self
            .channel
            .send(&Message::VerifyEnvResult(VerifyEnvResult { ok }))
            .await?)
    }
}
