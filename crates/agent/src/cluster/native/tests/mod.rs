//! The agent's side over real sockets, with a scheduler and executors that do as the test says.

mod asking;
mod failures;
mod flights;
mod rig;
