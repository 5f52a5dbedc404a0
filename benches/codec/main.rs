//! What an advertisement costs, sent, received and refused, beside the compressions of SHA-1 that
//! none can do without, and in nodes of 1 to 4,080 virtual hosts.
//!
//! `cargo bench -p carp-benches --bench codec` takes a minute, needs no rights, and writes
//! `benches/RESULTS.md`; `-- --quick` is for trying out.

#![expect(clippy::print_stdout, reason = "the tables are for whoever runs it")]

use std::path::PathBuf;
use std::process::ExitCode;

use carp_benches::{Result, exit, results};
use clap::Parser;

mod nodes;
mod packets;
mod report;
mod rounds;

/// Measure what an advertisement costs
#[derive(Debug, Parser)]
#[command(name = "codec")]
struct Options {
    /// Measure for a short time only
    #[arg(long)]
    quick: bool,
    /// Measure only the things whose name contains this, and write nothing
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,
    /// Write the results to this file (default: benches/RESULTS.md where nothing is cut short)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say that `cargo bench` runs this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    exit("codec", run(&Options::parse()))
}

fn run(options: &Options) -> Result<()> {
    let rounds = if options.quick { 200 } else { 4_000 };
    let wanted = |subject: &rounds::Subject<'_>| match &options.only {
        Some(words) => subject.name.contains(words.as_str()),
        None => true,
    };
    let mut packets = packets::subjects()?;
    let mut nodes = nodes::subjects()?;
    packets.retain(wanted);
    nodes.retain(wanted);
    let packets = rounds::measure(&mut packets, rounds)?;
    let nodes = rounds::measure(&mut nodes, rounds)?;
    if options.only.is_some() {
        println!("{}{}", report::plain(&packets), report::plain(&nodes));
        return Ok(());
    }
    let text = report::text(&packets, &nodes, rounds)?;
    println!("{text}");
    let file = options
        .out
        .clone()
        .or_else(|| (!options.quick).then(results::file));
    file.map_or(Ok(()), |file| results::write(&file, "codec", &text))
}
