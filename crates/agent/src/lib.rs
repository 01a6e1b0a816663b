//! The per-user process behind all wrappers of that user.
