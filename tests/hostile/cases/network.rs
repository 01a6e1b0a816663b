//! Talking to anybody.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use sandbox::Wall;

use crate::Case;
use crate::attack::Attack;
use crate::stage::Stage;

pub(crate) const CASES: &[Case] = &[
    ("reaches_nobody_by_tcp", reaches_nobody_by_tcp),
    ("reaches_nobody_by_udp", reaches_nobody_by_udp),
    ("reaches_no_abstract_socket", reaches_no_abstract_socket),
    ("reaches_no_named_socket", reaches_no_named_socket),
    (
        "opens_no_socket_of_any_family",
        opens_no_socket_of_any_family,
    ),
];

fn reaches_nobody_by_tcp(stage: &Stage) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let walls = [Wall::Network, Wall::Seccomp, Wall::Landlock];
    Attack::new(&["network", "tcp", &port], &walls).is_held(stage);
}

fn reaches_nobody_by_udp(stage: &Stage) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let walls = [Wall::Network, Wall::Seccomp];
    Attack::new(&["network", "udp", &port], &walls).is_held(stage);
}

fn reaches_no_abstract_socket(stage: &Stage) {
    let name = format!("floe-hostile-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let walls = [Wall::Network, Wall::Seccomp, Wall::Landlock];
    Attack::new(&["network", &format!("@{name}")], &walls).is_held(stage);
}

fn reaches_no_named_socket(stage: &Stage) {
    let path = stage.base.path().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let words = ["network", path.to_str().unwrap()];
    Attack::new(&words, &[Wall::Root, Wall::Seccomp]).is_held(stage);
}

fn opens_no_socket_of_any_family(stage: &Stage) {
    Attack::new(&["families"], &[Wall::Seccomp]).is_held(stage);
}
