//! The process that runs hooks, with rights that the service need not have.

mod directory;
mod execute;
pub(crate) mod keeper;
pub(crate) mod runner;
mod script;
pub(crate) mod trust;
