//! Run an untrusted process; the only crate with unsafe.
