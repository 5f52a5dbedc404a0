//! `carpctl`: CARP for Linux with the command line of OpenBSD's `ifconfig`.
//!
//! One binary is the command line, the service that it talks to over a local socket, and a
//! demonstration. Exit status: 0 done, also where nobody reads the output any more; 1 refused or
//! failed; 2 the command line could not be understood.

mod change;
mod cli;
mod client;
mod colour;
mod complete;
mod config;
mod daemon;
mod decode;
mod demo;
mod demotion;
mod description;
mod failure;
mod file;
mod group;
mod hooks;
mod logging;
mod manual;
mod metrics;
mod name;
mod netstart;
mod notify;
mod paths;
mod protocol;
mod random;
mod rehearsal;
mod render;
mod report;
mod sandbox;
mod secret;
mod service;
mod settings;
mod shell;
mod stats;
mod supervise;
mod systemd;
mod watch;
mod words;

use std::process::ExitCode;

use failure::Failure;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(failure) => {
            if !matches!(failure, Failure::NobodyListens) {
                cli::complain(&failure.to_string());
            }
            failure.code()
        }
    }
}
