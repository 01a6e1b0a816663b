//! Bringing the toolchain to the executor: file by file, or as an archive where that cannot be.

use std::net::SocketAddr;
use std::sync::Arc;

use job::Platform;
use wire::message::{Ability, Ending};

use super::{HELLO, Seat};
use crate::cluster::Failure;
use crate::cluster::icecream::{Door, Installation, NotInstalled};
use crate::cluster::native::no_member;
use crate::cluster::native::pool::Warm;
use crate::cluster::native::supply::{self, Supply};
use crate::cluster::native::ticket::Ticket;
use crate::text::Text;
use crate::toolbox::Toolbox;

impl Seat {
    /// The toolchain file by file, if it can be had so and the executor takes it.
    pub(super) async fn supply(&self, warm: &Warm) -> Option<Arc<Supply>> {
        let toolchain = self.toolchain();
        let (manifest, contents) = (toolchain.manifest?, toolchain.contents.as_ref()?);
        let platform = Platform::parse(&toolchain.platform).ok()?;
        let cluster = &self.cluster;
        let supply = cluster.supplies.of(cluster, manifest, contents, &platform);
        if supply.is_at(self.at.executor) {
            return Some(supply);
        }
        let hello = warm.link.hello(HELLO).await.ok()?;
        let knows = hello.capabilities.can(Ability::Toolchains);
        knows.then_some(supply)
    }

    /// Offers the toolchain; jobs that want it at the same executor wait for the same conversation.
    pub(super) async fn bring(&mut self, supply: &Arc<Supply>) -> Result<(), Failure> {
        let place = supply::Place {
            addresses: self.at.addresses.clone(),
            named: self.at.placed.addresses.clone(),
        };
        let brought = supply.bring(self.at.executor, place).await;
        brought.map_err(|failed| self.not_installed(failed))
    }

    fn not_installed(&mut self, failed: NotInstalled) -> Failure {
        if let Some(mut spent) = self.ticket.take().and_then(Ticket::spend) {
            spent.report(|report| {
                report.ending = Ending::Refused;
                report.refusal = failed
                    .is_unusable
                    .then_some(wire::message::Refusal::ToolchainUnusable);
            });
        }
        failed.why
    }

    /// Sends the toolchain in icecream's way; of several jobs one does it and the others wait.
    pub(super) async fn install(
        &mut self,
        address: SocketAddr,
        text: &Text,
        toolbox: &Toolbox,
    ) -> Result<(), Failure> {
        let live = self.cluster.live().ok_or_else(no_member)?;
        let one = self
            .cluster
            .installing(self.at.executor, &self.toolchain().name_among_members());
        let mut installed = one.lock().await;
        if *installed {
            return Ok(());
        }
        let door = Door {
            address,
            slow_network: self.slow_network,
            passport: transport::Passport::Member(live),
        };
        let installation = Installation {
            name: self.toolchain().name_among_members(),
            platform: self.toolchain().platform.clone(),
            toolchain: self.toolchain(),
            door: &door,
            budget: text.budget(),
            toolbox,
        };
        match installation.run().await {
            Ok(()) => {
                *installed = true;
                Ok(())
            }
            Err(failed) => Err(self.not_installed(failed)),
        }
    }
}
