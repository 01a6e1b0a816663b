//! Sockets and clock around placement.
