//! The acceptance tests, by theme. `cargo xtask test` runs them after building the programs.

mod addresses;
mod archives;
mod cluster;
mod differential;
mod doctor;
mod faults;
mod files;
mod first_hour;
mod hosts;
mod inputs;
mod installed;
mod interop;
mod many;
mod members;
mod memory;
mod misuse;
mod monitors;
mod odd;
mod owner;
mod probes;
mod projects;
mod roles;
mod schedulers;
mod shut_home;
mod smoke;
mod warnings;
