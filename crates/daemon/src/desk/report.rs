//! What the daemon says of itself to whoever asks.

use super::Desk;
use crate::lending::{Barred, Lending, Never};
use crate::openness::Openness;
use crate::status::Status;

impl Desk {
    pub(super) fn status(&self) -> String {
        let line = self.line.as_ref();
        let clients = self
            .core
            .states()
            .filter_map(|(id, state)| Some((id, state, self.seats.get(&id)?.address.clone())));
        let toolchains = &self.shop.toolchains;
        let fallen = self.config.fallen();
        let barred = match fallen {
            Some(_) => Some(Barred::Fallen),
            None => self.config.not_executing().map(Barred::Role),
        };
        let lending = Lending {
            barred,
            never: self.never(),
            slots: self.core.slots(),
            owner: &self.config.owner,
            base_dir: &self.config.base_dir,
            reading: self.reading,
            frozen: self.core.is_frozen(),
            hungry: self.core.is_hungry(),
        };
        Status {
            node_name: &self.config.node_name,
            address: line.and_then(|line| line.own).map(|own| own.to_string()),
            scheduler: match line {
                Some(line) => Ok(line.scheduler.to_string()),
                None => Err(self.cause.clone()),
            },
            scheduler_version: line.map(|line| line.version.number()),
            clients: clients.collect(),
            cache_bytes: toolchains.usage().used,
            cache_limit: toolchains.usage().limit,
            platform: self.shop.platform.as_str(),
            native: self.shop.natives.inventory(),
            received: toolchains.environments(),
            arriving: (self.supply.as_ref()).map_or_else(Vec::new, |supply| supply.progress()),
            used: self.core.used(),
            slots: self.core.slots(),
            features: self.config.features,
            reading: self.reading.unwrap_or_default(),
            lending: lending.closed().map_or(Ok(lending.manner()), Err),
            open_to: self.config.openness(),
            fallen,
            interface: transport::pinned(),
        }
        .text()
    }

    fn never(&self) -> Option<Never> {
        let config = &self.config;
        if config.openness() == Openness::Nobody {
            Some(Never::Alone)
        } else if config.no_sandbox || !config.no_remote && self.shop.executor.is_none() {
            Some(Never::NoSandbox)
        } else {
            config.no_remote.then_some(Never::NoRemote)
        }
    }
}
