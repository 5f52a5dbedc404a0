//! What is measured of the service and of an interface.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use carp_net::Backend;
use carp_net::carp_fsm::{self, Timestamp};
use rustix::time::{ClockId, clock_gettime};

use super::Control;
use crate::vocabulary::group::GroupName;
use crate::vocabulary::metrics::{Facts, Heard, Held, Vitals};
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::report::{AddressFamily, CarpdevState, Report, State};
use crate::vocabulary::stats::Counts;

/// What this process knows of itself.
#[derive(Debug)]
pub(super) struct Process {
    started: Timestamp,
    calendar: Calendar,
    /// Where the kernel tells how much memory it has, opened while that is allowed.
    memory: Option<File>,
}

/// Tells the time of day of moments. The same moment has the same one each time, until somebody
/// sets the clock, although the two clocks are read one after the other.
#[derive(Debug, Default)]
struct Calendar {
    /// The microseconds from 1970 to the origin of the timestamps.
    origin: u64,
}

impl Process {
    /// This process, which began at `now`.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            started: now,
            calendar: Calendar::default(),
            memory: File::open("/proc/self/statm").ok(),
        }
    }

    /// Its resident memory in bytes; the kernel makes the text as it is read, and waits for nothing.
    fn resident(&self) -> Option<u64> {
        let mut text = [0; 256];
        let length = self.memory.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = str::from_utf8(text.get(..length)?).ok()?;
        let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
        pages.checked_mul(rustix::param::page_size().try_into().ok()?)
    }
}

impl Calendar {
    /// Looks at the clock on the wall, which says `wall` (microseconds since 1970) at `now`.
    const fn look(&mut self, now: Timestamp, wall: u64) {
        let origin = wall.saturating_sub(now.as_micros());
        if origin.abs_diff(self.origin) > SET {
            self.origin = origin;
        }
    }

    /// The milliseconds from 1970 to `moment`.
    const fn millis(&self, moment: Timestamp) -> u64 {
        self.origin.saturating_add(moment.as_micros()) / 1_000
    }
}

impl<B: Backend> Control<B> {
    /// What is measured of the whole service, which has so many `clients`.
    pub(crate) fn vitals(&mut self, clients: usize) -> Vitals {
        let now = self.now();
        self.process.calendar.look(now, wall());
        Vitals {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ms: self.process.calendar.millis(self.process.started),
            resident: self.process.resident(),
            clients,
            settings: self.settings_as_shown(),
            counters: Counts::from(self.driver.node().counters()),
        }
    }

    /// What is measured of the interface `name`, in the time of the last
    /// [`vitals`](Self::vitals).
    pub(crate) fn facts(&self, name: InterfaceName) -> Option<Facts> {
        let report = self.report(name)?;
        let counters = self.stats(name)?.counters;
        let interface = self.interfaces.get(&name)?;
        let node = self.driver.node();
        let host = interface.host.and_then(|id| node.host(id));
        let last = host.and_then(|host| host.last_transition());
        let calendar = &self.process.calendar;
        let groups = interface.config.groups.iter().map(GroupName::as_str);
        let groups = [PREFIX].into_iter().chain(groups);
        let peers = host.map(|host| host.peers()).unwrap_or_default();
        let carp = report.carp.as_ref();
        Some(Facts {
            vhid: carp.map(|carp| carp.vhid),
            carpdev: interface.config.carpdev.clone(),
            carpdev_up: carp
                .and_then(|carp| carp.carpdev_state)
                .map(|state| state == CarpdevState::Up),
            state: carp.map_or(State::Init, |carp| carp.state),
            up: interface.config.up,
            advbase: interface.config.advbase.get(),
            advskew: interface.config.advskew.get(),
            groups: groups
                .map(|group| (group.to_owned(), node.demotion(group)))
                .collect(),
            inet: held(&report, AddressFamily::Inet),
            inet6: held(&report, AddressFamily::Inet6),
            last_transition_ms: last.map(|last| calendar.millis(last.at)),
            fails: report.error.is_some(),
            counters,
            peers: peers.iter().map(|peer| heard(peer, calendar)).collect(),
            name: report.name,
        })
    }
}

fn held(report: &Report, family: AddressFamily) -> Held {
    let addresses = report.addresses.iter();
    let addresses = addresses.filter(|address| address.family == family);
    Held {
        configured: addresses.clone().count(),
        installed: addresses.filter(|address| address.installed).count(),
    }
}

fn heard(peer: &carp_fsm::Peer, calendar: &Calendar) -> Heard {
    let claim = peer.claim();
    Heard {
        source: peer.source(),
        last_ms: calendar.millis(peer.last_heard()),
        advbase: claim.interval.advbase(),
        advskew: claim.interval.advskew(),
        demotion: claim.demotion,
        counters: Counts::from(peer.counters()),
    }
}

/// The microseconds since 1970.
fn wall() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let micros = u64::try_from(now.tv_nsec / 1_000).unwrap_or_default();
    seconds.saturating_mul(1_000_000).saturating_add(micros)
}

/// Whoever sets the clock moves it by more, in microseconds; reading two clocks takes less.
const SET: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_has_one_time_of_day_until_the_clock_is_set() {
        let mut calendar = Calendar::default();
        let moment = Timestamp::from_micros(5_000_000);
        calendar.look(moment, 1_700_000_005_000_000);
        assert_eq!(calendar.millis(moment), 1_700_000_005_000);
        calendar.look(Timestamp::from_micros(7_000_000), 1_700_000_007_000_999);
        assert_eq!(calendar.millis(moment), 1_700_000_005_000);
        calendar.look(Timestamp::from_micros(8_000_000), 1_700_000_018_000_000);
        assert_eq!(calendar.millis(moment), 1_700_000_015_000);
    }

    #[test]
    fn memory_is_what_the_kernel_says() {
        let process = Process::new(Timestamp::ZERO);
        let resident = process.resident().unwrap();
        assert!((1 << 20..1 << 40).contains(&resident), "{resident}");
    }
}
