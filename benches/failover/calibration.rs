//! The measurement, measured: what is known beforehand must come out.

use std::time::Duration;

use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab;

use crate::measure::overlap;
use crate::network::{FAMILIES, Network, shared, shared_address};
use crate::{Result, pause};

/// Addresses that nobody touches, one that is away for 100 ms, one that both have for 100 ms.
pub(crate) fn calibrate(net: &Network) -> Result<String> {
    let (one, two) = (&net.one, &net.two);
    let mut quiet = Vec::new();
    let mut away = Vec::new();
    let mut both = Vec::new();
    for family in FAMILIES {
        one.host.add_address(shared(family))?;
    }
    let start = || -> Result<Vec<(Family, lab::Echo)>> {
        let mut echoes = Vec::new();
        for family in FAMILIES {
            let echo = net.client.echo(shared_address(family), 1_000)?;
            echo.wait_for_answers(100, Duration::from_secs(5));
            echoes.push((family, echo));
        }
        Ok(echoes)
    };

    let echoes = start()?;
    let since = lab::now();
    pause(QUIET)?;
    for (_, echo) in echoes {
        let report = echo.stop()?;
        quiet.push(report.losses().filter(|(_, sent)| *sent > since).count());
    }

    for family in FAMILIES {
        let echo = net.client.echo(shared_address(family), 1_000)?;
        echo.wait_for_answers(100, Duration::from_secs(5));
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
    Ok(format!(
        "{quiet:?} echoes lost in {} s in which nothing happened, {away:?} while the address was \
         away for 100 ms, held by both for {both:.1?} ms when it was 100 ms (IPv4, IPv6)",
        QUIET.as_secs()
    ))
}

const QUIET: Duration = Duration::from_secs(5);
const KNOWN: Duration = Duration::from_millis(100);
