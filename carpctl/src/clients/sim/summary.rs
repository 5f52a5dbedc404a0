//! Many runs that differ in their seeds: how long addresses were held by nobody, and by several.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::memory::Lan;
use serde::Serialize;

use super::file::Plan;
use super::play::{Line, Witness, play};
use super::screen::Screen;
use super::show::seconds;
use crate::failure::Failure;
use crate::vocabulary::watch::micros;

/// What became of all runs.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    first_seed: u64,
    runs: u32,
    length_us: u64,
    addresses: Vec<Address>,
}

#[derive(Debug, Serialize)]
struct Address {
    address: IpAddr,
    nobody: Spread,
    several: Spread,
}

/// How the times of all runs lie.
#[derive(Debug, Serialize)]
struct Spread {
    least_us: u64,
    median_us: u64,
    /// 99 of 100 runs have at most this.
    most_of_99_percent_us: u64,
    most_us: u64,
    /// The first seed that has so much.
    seed_of_most: u64,
}

/// The times of all runs so far, each with its seed.
#[derive(Default)]
struct Times {
    nobody: Vec<(u64, u64)>,
    several: Vec<(u64, u64)>,
}

/// Runs `runs` seeds from `first` on.
pub(super) fn of(plan: &Plan, first: u64, runs: u32) -> Result<Summary, Failure> {
    let mut times: BTreeMap<IpAddr, Times> = BTreeMap::new();
    let mut counter = Counter {
        length: plan.length,
        number: 0,
        runs,
        screen: Screen::new(),
    };
    for number in 0..runs {
        let seed = first.wrapping_add(number.into());
        counter.number = number + 1;
        let played = play(plan, seed, &mut counter)?;
        for address in played.tenures.addresses() {
            let sum = |counts: fn(usize) -> bool| micros(played.sum(address, counts));
            let of_address = times.entry(address).or_default();
            of_address.nobody.push((sum(|holders| holders == 0), seed));
            of_address.several.push((sum(|holders| holders > 1), seed));
        }
        let most = MOST_TIMES / times.len().max(1);
        if usize::try_from(runs).unwrap_or(usize::MAX) > most {
            let addresses = times.len();
            return Err(Failure::about(
                "sim",
                format!("`--runs {runs}': at most {most} with so many addresses ({addresses})"),
            ));
        }
    }
    drop(counter);
    let addresses = times.into_iter().map(|(address, times)| Address {
        address,
        nobody: Spread::of(times.nobody),
        several: Spread::of(times.several),
    });
    Ok(Summary {
        first_seed: first,
        runs,
        length_us: micros(plan.length),
        addresses: addresses.collect(),
    })
}

/// Says how many runs are done.
struct Counter {
    length: Duration,
    number: u32,
    runs: u32,
    screen: Screen,
}

impl Witness for Counter {
    const HEARS: bool = false;

    fn hear(&mut self, _: &Line, _: &Lan) -> Result<(), Failure> {
        Ok(())
    }

    fn see(&mut self, now: Timestamp) {
        let which = format_args!("run {} of {}: ", self.number, self.runs);
        self.screen.progress(which, now, self.length);
    }
}

impl Spread {
    /// Of times and their seeds; of equal ones the first seed counts.
    fn of(mut all: Vec<(u64, u64)>) -> Self {
        all.sort_by_key(|(time, _)| *time);
        let at = |percent: usize| {
            // As many as that have this time or less.
            let rank = (all.len() * percent).div_ceil(100).max(1);
            all.get(rank - 1).map_or(0, |(time, _)| *time)
        };
        let most = at(100);
        let seed = all.iter().find(|(time, _)| *time == most);
        Self {
            least_us: at(0),
            median_us: at(50),
            most_of_99_percent_us: at(99),
            most_us: most,
            seed_of_most: seed.map_or(0, |(_, seed)| *seed),
        }
    }
}

/// A table for a terminal.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.first_seed.wrapping_add(u64::from(self.runs) - 1);
        let length = seconds(Duration::from_micros(self.length_us));
        writeln!(f, "seeds {} to {last}, {length} s each", self.first_seed)?;
        for Address {
            address,
            nobody,
            several,
        } in &self.addresses
        {
            let head = ["least", "median", "99 %", "most", "seed of most"];
            let [least, median, most_of_99, most, seed] = head;
            writeln!(f, "\n{address}")?;
            write!(
                f,
                "{:20} {least:>9} {median:>9} {most_of_99:>9}",
                "seconds held by"
            )?;
            writeln!(f, " {most:>9} {seed:>13}")?;
            for (who, spread) in [("nobody", nobody), ("more than one node", several)] {
                let times = [
                    spread.least_us,
                    spread.median_us,
                    spread.most_of_99_percent_us,
                    spread.most_us,
                ];
                write!(f, "{who:20}")?;
                for time in times {
                    write!(f, " {:>9}", seconds(Duration::from_micros(time)))?;
                }
                writeln!(f, " {:>13}", spread.seed_of_most)?;
            }
        }
        Ok(())
    }
}

/// How many runs times addresses are kept: 64 bytes or less each.
const MOST_TIMES: usize = 2_000_000;
