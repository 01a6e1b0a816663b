//! Members' jobs by floe's own protocol: one connection, a stream for each job, and for each job a grant
//! that the scheduler signed (`docs/protocol.md`, "A job at its executor").
//!
//! A stream goes this way: [`front`] asks whether its grant holds ([`grants`]) by the keys that are
//! known ([`signers`]), whether its member has not too much here already ([`members`]) and whether the
//! toolchain is here. Then it is a client of the desk like any of icecream's, and [`order`] brings
//! the result back. Before the grant is found good nothing is kept and nothing runs.

mod files;
mod front;
mod grants;
mod members;
mod no;
mod order;
mod outputs;
mod pace;
mod refused;
mod signers;

pub(crate) use front::Front;
pub(crate) use order::Ordered;
pub(crate) use signers::Signers;
