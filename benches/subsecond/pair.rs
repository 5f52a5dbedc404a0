//! Two nodes with the service, as it is measured: who is master, and what the wire tells of it.

use std::time::Duration;

use carp_benches::{CARPDEV, FAMILIES, Network, Node, PASS, Program, Result, VHID, pause, shared};
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::carp_fsm::{Interval, Timestamp};
use carp_net::lab::{Direction, Frame};

/// A pair that has settled: node one is master.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    pub(crate) net: &'a Network,
    program: &'a Program,
}

/// How the nodes of a pair are set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// The intervals of node one and of node two.
    pub(crate) intervals: [Interval; 2],
    pub(crate) lladdr_carpdev: bool,
}

impl Setting {
    /// Both nodes the same, with the virtual MAC address.
    pub(crate) const fn both(interval: Interval) -> Self {
        Self {
            intervals: [interval; 2],
            lladdr_carpdev: false,
        }
    }

    /// When node two takes over after the last advert that it heard.
    pub(crate) const fn master_down(self) -> Duration {
        let [_, two] = self.intervals;
        two.master_down()
    }
}

impl<'a> Pair<'a> {
    /// Starts the pair and waits until it has settled.
    pub(crate) fn start(net: &'a Network, program: &'a Program, setting: Setting) -> Result<Self> {
        let pair = Self { net, program };
        let lladdr = if setting.lladdr_carpdev {
            "lladdr carpdev"
        } else {
            ""
        };
        let addresses = FAMILIES.map(shared).join(" ");
        for (node, interval) in [&net.one, &net.two].into_iter().zip(setting.intervals) {
            program.start(node)?;
            let (advbase, advskew) = (interval.advbase(), interval.advskew());
            let words = format!(
                "carp0 vhid {VHID} pass {PASS} carpdev {CARPDEV} advbase {advbase} \
                 advskew {advskew} {lladdr} {addresses}"
            );
            program.run(node, &words)?;
            // With equal intervals the first one is master.
            for family in FAMILIES {
                if node.number == net.one.number && !node.wait_for(family, true, PATIENCE)? {
                    let said = pair.shows(node)?;
                    return Err(format!("did not become master: {}", said.trim()).into());
                }
            }
        }
        // Past the announcements of the first second.
        pause(SETTLED)?;
        for family in FAMILIES {
            if !net.one.holds(family) || net.two.holds(family) {
                return Err(format!("{family:?}: not one master, but none or two").into());
            }
        }
        Ok(pair)
    }

    /// What a node shows and has logged.
    pub(crate) fn shows(&self, node: &Node) -> Result<String> {
        Ok(self.program.run(node, "carp0").unwrap_or_default() + &node.log())
    }

    /// How often a node has come to hold an address of its own or ceased to, in this time.
    pub(crate) fn changes(&self, from: Timestamp, until: Timestamp) -> usize {
        let nodes = [&self.net.one, &self.net.two].into_iter();
        let histories = nodes.flat_map(|node| FAMILIES.map(|family| node.history(family)));
        let times = histories.flatten().map(|(time, _)| time);
        times.filter(|time| (from..until).contains(time)).count()
    }
}

/// Whether a node sent this advert.
pub(crate) fn was_sent_by(frame: &Frame, node: &Node) -> bool {
    &*frame.interface == node.host.name() && frame.direction == Direction::In
}

pub(crate) fn family_of(frame: &Frame) -> Family {
    if frame.ethertype() == 0x86dd {
        Family::Inet6
    } else {
        Family::Inet
    }
}

/// How long anything may take that is not measured.
const PATIENCE: Duration = Duration::from_secs(12);
/// A new master has announced its addresses for the last time in a while.
const SETTLED: Duration = Duration::from_millis(1_300);
