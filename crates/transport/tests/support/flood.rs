//! Thousands of connections that drip a TLS handshake, byte for byte, and come again when they are shown out.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// Connections, and the addresses that they come from.
pub(crate) const MANY: usize = 5_000;
const ADDRESSES: usize = 5;
/// Of those that were shown out, how many come again at a time.
const AGAIN: usize = 200;
/// A record of a handshake, with a hello of 4 KiB that is all zeros.
const HELLO: [u8; 9] = [22, 3, 1, 16, 4, 1, 0, 16, 0];

/// They drip until this is dropped.
pub(crate) struct Flood(JoinHandle<()>);

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Opens them all. None where a process may not have so many files.
pub(crate) async fn drip(address: SocketAddr) -> Option<Flood> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if limit.maximum.is_some_and(|most| most < 3 * MANY as u64) {
        eprintln!("SKIPPED: only {:?} files may be open", limit.maximum);
        return None;
    }
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut drops = Vec::new();
    for number in 0..MANY {
        drops.push((connect(number, address).await, 0));
    }
    let dripping = async move {
        loop {
            let mut again = 0;
            for (number, (stream, said)) in drops.iter_mut().enumerate() {
                let byte = HELLO.get(*said).copied().unwrap_or(0);
                match stream.try_write(&[byte]) {
                    Ok(_) => *said += 1,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) if again < AGAIN => {
                        again += 1;
                        (*stream, *said) = (connect(number, address).await, 0);
                    }
                    Err(_) => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    Some(Flood(tokio::spawn(dripping)))
}

/// Not from where honest members are in these tests.
async fn connect(number: usize, address: SocketAddr) -> TcpStream {
    let last = u8::try_from(number % ADDRESSES).unwrap();
    let from = Ipv4Addr::new(127, 200, 0, last + 1);
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        // A full queue of connections to accept is waited for.
        if let Ok(stream) = socket.connect(address).await {
            return stream;
        }
        tokio::task::yield_now().await;
    }
}

/// Descriptors of a process.
pub(crate) fn descriptors(process: &str) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .count()
}
