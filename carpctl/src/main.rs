//! `carpctl`: CARP for Linux with the command line of OpenBSD's `ifconfig`.
//!
//! One binary is the command line, the service that it talks to over a local socket, and a
//! demonstration. Exit status: 0 done, also where nobody reads the output any more; 1 refused or
//! failed; 2 the command line could not be understood.

mod clients;
mod failure;
mod paths;
mod process;
mod server;
mod vocabulary;

use std::process::ExitCode;

use clients::cli;
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
