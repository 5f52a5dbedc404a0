//! The measurement, measured: what is known beforehand must come out.

use std::fmt;
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab;

use crate::measure::overlap;
use carp_benches::{FAMILIES, Network, shared, shared_address};
use carp_benches::{Result, pause};

/// What was measured of what is known, for each family in each lane.
#[derive(Debug, Default)]
pub(crate) struct Calibration {
    quiet: Vec<usize>,
    away: Vec<u64>,
    both: Vec<f64>,
}

impl Calibration {
    /// Puts together what was measured in all lanes.
    pub(crate) fn of(lanes: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for lane in lanes {
            all.quiet.extend(lane.quiet);
            all.away.extend(lane.away);
            all.both.extend(lane.both);
        }
        all
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} echoes lost in {} s in which nothing happened, {:?} while the address was away \
             for 100 ms, held by both for {:.1?} ms when it was 100 ms (IPv4 and IPv6 of each lane)",
            self.quiet,
            QUIET.as_secs(),
            self.away,
            self.both
        )
    }
}

/// Addresses that nobody touches, one that is away for 100 ms, one that both have for 100 ms.
pub(crate) fn calibrate(net: &Network) -> Result<Calibration> {
    let (one, two) = (&net.one, &net.two);
    let Calibration {
        mut quiet,
        mut away,
        mut both,
    } = Calibration::default();
    for family in FAMILIES {
        one.host.add_address(shared(family))?;
    }
    let start = |family: Family| {
        let echo = net.client.echo(shared_address(family), 1_000)?;
        if echo.wait_for_answers(100, Duration::from_secs(5)) {
            return Ok(echo);
        }
        Err(carp_benches::Error::from(format!(
            "{family}: a static address does not answer"
        )))
    };

    let echoes = FAMILIES.map(start);
    let since = lab::now();
    pause(QUIET)?;
    for echo in echoes {
        let report = echo?.stop()?;
        quiet.push(report.losses().filter(|(_, sent)| *sent > since).count());
    }

    for family in FAMILIES {
        let echo = start(family)?;
        one.host.remove_address(shared(family))?;
        pause(KNOWN)?;
        one.host.add_address(shared(family))?;
        pause(KNOWN)?;
        away.push(echo.stop()?.lost());
    }

    for family in FAMILIES {
        let from = lab::now();
        two.host.add_address(shared(family))?;
        pause(KNOWN)?;
        two.host.remove_address(shared(family))?;
        two.wait_for(family, false, Duration::from_secs(1))?;
        let (one, two) = (one.history(family), two.history(family));
        let measured = overlap(&one, &two, from, lab::now());
        both.push(measured.length.as_secs_f64() * 1e3);
    }
    net.reset()?;
    Ok(Calibration { quiet, away, both })
}

const QUIET: Duration = Duration::from_secs(5);
const KNOWN: Duration = Duration::from_millis(100);
