//! `floe cluster serve`: the authority on the network.

use std::process::ExitCode;

use membership::UnixTime;
use sandbox::privileges;
use tokio::task::JoinSet;
use transport::Office;

use super::options::Serve;
use super::place;
use crate::cli::service;
use crate::log::Origin;

pub(super) fn run(options: &Serve) -> ExitCode {
    service::run(
        &options.service,
        Origin::Floe,
        "floe cluster serve",
        |ready| {
            let listen = options.service.listen()?;
            // The files are their owner's: root gives itself up only for an account that somebody named.
            if let Some(user) = &options.service.user {
                privileges::drop_to(user, None)?;
            }
            let mut authority = place::authority(&options.place)?;
            let advertise = options.service.advertise();
            if !advertise.is_empty() && authority.addresses() != advertise {
                authority.set_addresses(advertise, UnixTime::now())?;
            }
            service::block_on(async {
                let shutdown = service::shutdown()?;
                let listeners = transport::listen_all(&listen, options.port)?;
                let name = authority.name().to_string();
                let office = Office::open(authority)?;
                let mut doors = JoinSet::new();
                for listener in listeners {
                    let address = listener.local_addr()?;
                    tracing::info!("the authority of the cluster {name} answers at {address}");
                    doors.spawn(office.clone().keep(listener));
                }
                ready();
                shutdown.await;
                Ok(())
            })
        },
    )
}
