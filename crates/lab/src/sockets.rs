//! Sockets of this process on a host's network.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Host;

impl Host {
    /// A TCP connection from this host.
    pub fn connect(&self, address: Ipv4Addr, port: u16) -> Result<TcpStream> {
        self.connect_within(address, port, Duration::from_secs(5))
    }

    /// The same with a limit.
    pub fn connect_within(
        &self,
        address: Ipv4Addr,
        port: u16,
        limit: Duration,
    ) -> Result<TcpStream> {
        let to = SocketAddrV4::new(address, port);
        self.inner.enter(move || {
            TcpStream::connect_timeout(&to.into(), limit)
                .with_context(|| format!("connecting to {to}"))
        })
    }

    /// A listening TCP socket on this host.
    pub fn listen(&self, port: u16) -> Result<TcpListener> {
        let at = SocketAddrV4::new(self.address(), port);
        self.inner
            .enter(move || TcpListener::bind(at).with_context(|| format!("listening at {at}")))
    }

    /// A UDP socket on this host.
    pub fn datagrams(&self, port: u16) -> Result<UdpSocket> {
        let at = SocketAddrV4::new(self.address(), port);
        self.inner
            .enter(move || UdpSocket::bind(at).with_context(|| format!("binding {at}")))
    }
}
