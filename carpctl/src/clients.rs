//! Whoever asks the service: the command line and all its commands, and the process that runs hooks.
//! Some start it, or do without it what it would do, so they may use [`server`](crate::server).

pub(crate) mod cli;
pub(crate) mod client;
pub(crate) mod colour;
pub(crate) mod complete;
pub(crate) mod decode;
pub(crate) mod demo;
pub(crate) mod demotion;
pub(crate) mod file;
pub(crate) mod hooks;
pub(crate) mod manual;
pub(crate) mod netstart;
pub(crate) mod random;
pub(crate) mod render;
pub(crate) mod secret;
pub(crate) mod shell;
pub(crate) mod sim;
pub(crate) mod stage;
pub(crate) mod systemd;
pub(crate) mod watch;
