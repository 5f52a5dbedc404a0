//! What the measurements of running nodes share: networks, the service, the file with the results.

#![expect(clippy::print_stderr, reason = "for whoever runs a bench")]

use std::process::ExitCode;

mod disturbance;
pub use disturbance::Disturbance;
mod figures;
pub use figures::Figures;
mod forgery;
pub use forgery::{best_advert, rubbish};
pub mod keepalived;
mod lateness;
pub use lateness::latest;
pub mod many;
mod network;
pub use network::{
    CARPDEV, FAMILIES, Network, Node, PASS, VHID, give_addresses, is_installed, output_of, shared,
    shared_address,
};
mod nonsense;
pub use nonsense::{say, sayings};
mod program;
pub use program::Program;
mod resources;
pub use resources::{Load, Memory, cpu_time};
pub mod results;
mod table;
pub use table::aligned;
mod time;
pub use time::{end_in_good_order, pause, random_below};
pub mod ucarp;

/// What keeps a bench from measuring.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// What a bench does that may fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What a bench ends with; says what kept it from measuring.
pub fn exit(bench: &str, outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("{bench}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Says how far a bench has come, or what is wrong.
fn tell(what: &str) {
    eprintln!("{what}");
}
