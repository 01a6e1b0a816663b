//! What the acceptance tests share.

pub mod compare;
pub mod jobs;
pub mod project;
pub mod skip;
pub mod twice;
pub mod until;
pub mod written;
