//! What both sides of the control socket understand: the words of the command line, what they say of
//! an interface, and what the service tells. Nothing here asks, serves or waits.

pub(crate) mod change;
pub(crate) mod config;
pub(crate) mod demotion;
pub(crate) mod description;
pub(crate) mod details;
pub(crate) mod group;
pub(crate) mod hooks;
pub(crate) mod metrics;
pub(crate) mod name;
pub(crate) mod protocol;
pub(crate) mod rehearsal;
pub(crate) mod report;
pub(crate) mod settings;
pub(crate) mod stats;
pub(crate) mod watch;
pub(crate) mod words;
