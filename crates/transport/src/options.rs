//! Socket options of a TCP channel, as icecream 1.4 sets them: a dead host is noticed within 36 s when idle and within 9 s when it owes an answer.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;

const KEEPALIVE_IDLE: Duration = Duration::from_secs(27);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_COUNT: u32 = 3;
const USER_TIMEOUT_MS: u32 = 9000;

/// Sets what can be set. A channel without one of these still works, so a refusal is only noted.
pub(crate) fn set_tcp_options(socket: impl AsFd) {
    let results = [
        sockopt::set_tcp_nodelay(&socket, true),
        sockopt::set_socket_keepalive(&socket, true),
        sockopt::set_tcp_keepidle(&socket, KEEPALIVE_IDLE),
        sockopt::set_tcp_keepintvl(&socket, KEEPALIVE_INTERVAL),
        sockopt::set_tcp_keepcnt(&socket, KEEPALIVE_COUNT),
        sockopt::set_tcp_user_timeout(&socket, USER_TIMEOUT_MS),
    ];
    for error in results.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a TCP option was refused");
    }
}
