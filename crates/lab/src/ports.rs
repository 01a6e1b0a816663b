//! TCP ports for the programs of a cluster.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Fixed in namespaces, free ones on loopback.
pub(crate) struct Ports {
    pub(crate) scheduler: u16,
    pub(crate) daemons: Vec<u16>,
}

/// Ports that are free now: a pair for the scheduler and its control port, one for each daemon.
pub(crate) fn free_ports(daemons: usize) -> Result<Ports> {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    let taken = (0..daemons).map(|_| any()).collect::<Result<Vec<_>, _>>()?;
    for _ in 0..100 {
        let first = any()?;
        let scheduler = port(&first)?;
        let Some(next) = scheduler.checked_add(1) else {
            continue;
        };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, next)).is_ok() {
            let daemons = taken.iter().map(port).collect::<Result<Vec<_>, _>>()?;
            return Ok(Ports { scheduler, daemons });
        }
    }
    bail!("no two neighbouring free ports on 127.0.0.1")
}
