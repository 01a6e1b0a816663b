//! There is only the test program; see `cases/main.rs`.
