//! Two nodes joined by as many links as they are to have carpdevs, each a switch of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Node, Result, pause};
use carp_net::lab::{self, Direction, Frame, Host, Lab, Recording, Tap};

use super::record::{Claim, Claims};
use super::work::{carpdev, own_address};

/// The nodes and what joins them.
#[derive(Debug)]
pub struct Wires {
    // Nodes go before the switches that they are plugged into.
    /// The node that is preferred.
    pub one: Node,
    /// The other one.
    pub two: Node,
    switches: Vec<Lab>,
}

/// What was sent on a link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// How many frames.
    pub frames: usize,
    /// How long they are in all, each from its addresses on, without check sequence.
    pub bytes: usize,
    /// While this passed.
    pub span: Duration,
}

/// What all switches record.
#[derive(Debug)]
pub struct Taps(Vec<Tap>);

impl Wires {
    /// Makes them, each node with an address of its own on each link.
    pub fn new(links: u8) -> Result<Self> {
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
    pub fn tap(&self) -> Result<Taps> {
        let taps = self.switches.iter().map(|switch| switch.tap_claims(None));
        Ok(Taps(taps.collect::<carp_net::Result<_>>()?))
    }

    /// Pulls the cables of node one, and ends all that runs on it.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses.
    pub fn crash_one(&self) -> Result<()> {
        for switch in &self.switches {
            switch.cut(ONE)?;
        }
        Ok(self.one.host.kill_processes()?)
    }

    /// Plugs one more host into the first link, with an address there.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub fn client(&self) -> Result<Host> {
        let first = self.switches.first().ok_or("no link")?;
        let client = first.host("client")?;
        client.add_address(&own_address(0, CLIENT))?;
        Ok(client)
    }

    /// Counts the frames that the nodes send on the first link in some `seconds`, from the middle
    /// between two adverts on: each that comes once a second is in it as often as there are seconds.
    ///
    /// # Errors
    ///
    /// Where nobody advertises, or the frames cannot be recorded.
    pub fn traffic(&self, seconds: u32) -> Result<Traffic> {
        let first = self.switches.first().ok_or("no link")?;
        let tap = first.tap()?;
        let is_advert = |frame: &Frame| matches!(Claim::of(frame), Some(Claim::Advert { .. }));
        let advert = tap.wait_for(Duration::from_secs(10), is_advert);
        let advert = advert.ok_or("nobody advertises")?;
        let from = advert.time + Duration::from_millis(500);
        let until = from + Duration::from_secs(seconds.into());
        pause(until - lab::now())?;
        let recording = whole(tap)?;
        let counts = |frame: &&Frame| {
            let is_sent = frame.direction == Direction::In && speaker(frame).is_some();
            is_sent && (from..until).contains(&frame.time)
        };
        let sent = recording.frames.iter().filter(counts);
        let lengths: Vec<usize> = sent.map(|frame| frame.bytes.len()).collect();
        Ok(Traffic {
            frames: lengths.len(),
            bytes: lengths.iter().sum(),
            span: until - from,
        })
    }
}

impl Taps {
    /// What was said since the start.
    pub fn stop(self) -> Result<Claims> {
        let mut claims = Claims::until(lab::now());
        for (link, tap) in (0..).zip(self.0) {
            for frame in &whole(tap)?.frames {
                if let Some(speaker) = speaker(frame) {
                    claims.note(link, speaker, frame);
                }
            }
        }
        Ok(claims)
    }

    /// Waits until a node has advertised this many virtual hosts on each link.
    pub fn wait_for_all(&self, node: &Node, vhids: u8, patience: Duration) -> Result<()> {
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

/// The number of the node behind whose port a frame was seen; none where it is the switch itself,
/// which is sent a copy, or a client.
fn speaker(frame: &Frame) -> Option<u8> {
    match &*frame.interface {
        ONE => Some(1),
        TWO => Some(2),
        _ => None,
    }
}

/// What a tap recorded, if it is all there was.
fn whole(tap: Tap) -> Result<Recording> {
    let recording = tap.stop()?;
    if recording.dropped > 0 {
        return Err("the recording has gaps".into());
    }
    Ok(recording)
}

const ONE: &str = "one";
const TWO: &str = "two";
/// Where the own addresses of the nodes are 1 and 2.
const CLIENT: u8 = 50;
