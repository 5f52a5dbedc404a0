//! `carpctl sim CLUSTER.toml`: what would become of a cluster, in virtual time.
//!
//! The engines are the real ones, on the network of [`carp_net::memory`]; here a file is read that
//! says what there is and what happens, and what came of it is shown.

use std::path::PathBuf;

use crate::clients::cli::{print, print_json};
use crate::clients::random;
use crate::failure::Failure;

mod data;
mod file;
mod known;
mod operator;
mod play;
mod quantity;
mod schedule;
mod screen;
mod show;
mod summary;

/// The words of `carpctl sim`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct SimOptions {
    /// Decides everything that is left to chance; without it another each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Run so many seeds, from that on, and show how long addresses were not held
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: Option<u32>,
    /// Show it as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The cluster, and what happens to it; `-' is standard input
    #[arg(value_name = "CLUSTER.toml")]
    file: PathBuf,
}

/// Runs a cluster.
pub(crate) fn run(options: &SimOptions, json: bool) -> Result<(), Failure> {
    let plan = file::read(&options.file)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => any_seed()?,
    };
    let Some(runs) = options.runs else {
        return match json {
            true => data::run(&plan, seed),
            false => show::run(&plan, seed),
        };
    };
    let summary = summary::of(&plan, seed, runs)?;
    match json {
        true => print_json(&summary),
        false => print(&summary.to_string()),
    }
}

/// One that is easy to type again.
fn any_seed() -> Result<u64, Failure> {
    let octets = random::octets::<4>().map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(u32::from_le_bytes(octets).into())
}

const HELP: &str = "\
The file, for example (more in /usr/share/doc/carpctl/examples):

  length = \"60s\"
  sysctl = \"net.inet.carp.preempt=1\"
  events = [\"20s one crash\", \"40s one start\"]

  [network]
  delay = \"1ms to 5ms\"
  loss = \"1%\"

  [node.one]
  carp0 = \"vhid 99 192.0.2.10/24\"

  [node.two]
  carp0 = \"vhid 99 advskew 100 192.0.2.10/24\"

A node has interfaces, in the words of `carpctl carp0', and may have `sysctl',
`drift' (such as \"50ppm\") and carpdevs with their own addresses (eth0 =
\"192.0.2.1/24\"). An interface without a carpdev is on eth0. The network loses
nothing and takes 100us where nothing else is said; it may `duplicate' and
`reorder' too, and kernels take a time for their `work'.

Events are a time in us, ms, s, min or h since the beginning, and what happens:

  10s one crash                  it loses its power; `start' switches it on
  10s one kill                   the service is killed; `start' begins another,
                                 `recover' one that goes on
  10s one stop                   the service ends in good order
  10s one restart                as `carpctl restart'; `restart 1s' takes so
                                 long, 20ms where nothing is said
  10s one pause                  it freezes, until `resume'
  10s one drift -200ppm          its clock goes wrong
  10s one link eth0 down         or absent, or up
  10s one harm carp0 address     another program takes it away; or lladdr,
                                 inet6, down, deleted
  10s one carp0 down             whatever can be said to `carpctl'
  10s one -g carp carpdemote 50
  10s one sysctl net.inet.carp.preempt=0
  10s cut one two                they hear each other no more, until `heal'
  10s network loss 10%           or duplicate 1%, delay 1ms to 5ms, reorder on

The same file with the same seed shows the same, to the byte. Hooks do not run,
and no password is needed. What happens is shown as it does. Times are cut to
milliseconds; what is shorter than can be seen is in the sums alone, which are
of the exact times. A file may have 1 MiB, 64 nodes, 7 days, and a delay or work
of 10s. A run fails, and its JSON breaks off, where it has changed more than
100000 times who holds an address. The exit status is 0 however the cluster
fares, 1 where the file is refused, with its line, or a run fails, and 2 for
other words.

JSON: an object with `seed', `length_us', `nodes', `events' (time_us, node, and
what `monitor --json' shows) and `addresses' (address; nobody_us and several_us,
both since it was first held; tenures: from_us, until_us, holders); with --runs
the figures of the table.";
