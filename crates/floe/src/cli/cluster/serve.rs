//! `floe cluster serve`: the authority on the network.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use sandbox::privileges;
use transport::{Office, listen_tcp};

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
            let bind = service::bind_address(options.service.interface.as_deref())?;
            let address = SocketAddr::from((bind.unwrap_or(Ipv4Addr::UNSPECIFIED), options.port));
            // The files are their owner's: root gives itself up only for an account that somebody named.
            if let Some(user) = &options.service.user {
                privileges::drop_to(user, None)?;
            }
            let authority = place::authority(&options.place)?;
            service::block_on(async {
                let shutdown = service::shutdown()?;
                let listener = listen_tcp(address)?;
                let name = authority.name().to_string();
                let office = Office::open(authority)?;
                tracing::info!("the authority of the cluster {name} answers at {address}");
                ready();
                tokio::select! {
                    () = office.keep(listener) => {}
                    () = shutdown => {}
                }
                Ok(())
            })
        },
    )
}
