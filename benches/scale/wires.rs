//! Two nodes joined by as many links as they are to have carpdevs, each a switch of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use carp_benches::{Node, Result};
use carp_net::lab::{self, Frame, Lab, Tap};

use crate::record::{Claim, Claims};
use crate::work::{carpdev, own_address};

/// The nodes and what joins them.
#[derive(Debug)]
pub(crate) struct Wires {
    // Nodes go before the switches that they are plugged into.
    /// The node that is preferred.
    pub(crate) one: Node,
    pub(crate) two: Node,
    switches: Vec<Lab>,
}

/// What all switches record.
#[derive(Debug)]
pub(crate) struct Taps(Vec<Tap>);

impl Wires {
    /// Makes them, each node with an address of its own on each link.
    pub(crate) fn new(links: u8) -> Result<Self> {
        let first = Lab::new()?;
        let node = |name, number| {
            let host = first.host_with(name, &carpdev(0))?;
            host.add_address(&own_address(0, number))?;
            Node::new(host, number)
        };
        let (one, two) = (node(ONE, 1)?, node(TWO, 2)?);
        let mut switches = vec![first];
        for link in 1..links {
            let switch = Lab::new()?;
            let carpdev = carpdev(link);
            for node in [&one, &two] {
                switch.plug_in(&node.host, &carpdev)?;
                node.host
                    .add_address_to(&carpdev, &own_address(link, node.number))?;
            }
            switches.push(switch);
        }
        Ok(Self { one, two, switches })
    }

    /// Records what the nodes say from here on.
    pub(crate) fn tap(&self) -> Result<Taps> {
        let taps = self.switches.iter().map(|switch| switch.tap_claims(None));
        Ok(Taps(taps.collect::<carp_net::Result<_>>()?))
    }

    /// Ends all that runs on node one, and pulls its cables.
    pub(crate) fn crash_one(&self) -> Result<()> {
        self.one.host.kill_processes()?;
        for switch in &self.switches {
            switch.cut(ONE)?;
        }
        Ok(())
    }
}

impl Taps {
    /// What was said since the start.
    pub(crate) fn stop(self) -> Result<Claims> {
        let mut claims = Claims::default();
        for (link, tap) in (0..).zip(self.0) {
            let recording = tap.stop()?;
            if recording.dropped > 0 {
                return Err("the recording has gaps".into());
            }
            for frame in &recording.frames {
                let speaker = match &*frame.interface {
                    ONE => 1,
                    TWO => 2,
                    _ => continue, // the switch itself, which is sent a copy
                };
                claims.note(link, speaker, frame);
            }
        }
        Ok(claims)
    }

    /// Waits until a node has advertised this many virtual hosts on each link.
    pub(crate) fn wait_for_all(&self, node: &Node, vhids: u8, patience: Duration) -> Result<()> {
        if vhids == 0 {
            return Ok(());
        }
        let deadline = lab::now() + patience;
        let name = node.host.name();
        for tap in &self.0 {
            let mut missing: BTreeSet<u8> = (1..=vhids).collect();
            let was_last = |frame: &Frame| {
                if &*frame.interface == name
                    && let Some(Claim::Advert { vhid }) = Claim::of(frame)
                {
                    missing.remove(&vhid);
                }
                missing.is_empty()
            };
            if tap.wait_for(deadline - lab::now(), was_last).is_none() {
                let (missing, said) = (missing.len(), node.log());
                return Err(format!("{name}: {missing} not advertised: {}", said.trim()).into());
            }
        }
        Ok(())
    }
}

const ONE: &str = "one";
const TWO: &str = "two";
