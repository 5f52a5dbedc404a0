//! What was seen on the wires, taken apart: who claimed which virtual host when.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::lab::Frame;

use super::work::VirtualHost;
use crate::latest;

/// All that was said, by who said it and about what.
#[derive(Debug)]
pub struct Claims {
    until: Timestamp,
    /// The moments of the adverts, in their order.
    adverts: BTreeMap<(u8, VirtualHost), Vec<Timestamp>>,
    /// The moments of the gratuitous ARP.
    announcements: BTreeMap<(u8, VirtualHost), Vec<Timestamp>>,
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// An advert of CARP or of VRRP, whose number is in the same place.
    Advert { vhid: u8 },
    /// Gratuitous ARP.
    Announcement { address: Ipv4Addr },
}

impl Claim {
    /// What `frame` says, if anything.
    pub(super) fn of(frame: &Frame) -> Option<Self> {
        let payload = frame.payload();
        match frame.ethertype() {
            0x0800 => {
                let length = usize::from(payload.first()? & 0x0f) * 4;
                let vhid = *payload.get(length + 1)?;
                Some(Self::Advert { vhid })
            }
            0x0806 => {
                let address = |at: usize| Some(*payload.get(at..)?.first_chunk::<4>()?);
                let (sender, target) = (address(14)?, address(24)?);
                let address = Ipv4Addr::from(sender);
                (sender == target).then_some(Self::Announcement { address })
            }
            _ => None,
        }
    }
}

impl Claims {
    /// None yet, of a recording that ends now.
    pub(super) const fn until(until: Timestamp) -> Self {
        Self {
            until,
            adverts: BTreeMap::new(),
            announcements: BTreeMap::new(),
        }
    }

    /// How late the latest advert of a virtual host was that a node advertises with this `interval`,
    /// up to the end of the recording; `None` where there was none.
    pub fn latest(&self, node: u8, host: VirtualHost, interval: Duration) -> Option<Duration> {
        latest(self.adverts(node, host), interval, self.until)
    }

    /// Takes in a frame that a node sent on a link; those of a link come in their order.
    pub fn note(&mut self, link: u8, node: u8, frame: &Frame) {
        match Claim::of(frame) {
            Some(Claim::Advert { vhid }) => {
                let key = (node, VirtualHost { link, vhid });
                self.adverts.entry(key).or_default().push(frame.time);
            }
            Some(Claim::Announcement { address }) => {
                if let Some(host) = VirtualHost::of_address(address) {
                    let key = (node, host);
                    self.announcements.entry(key).or_default().push(frame.time);
                }
            }
            None => {}
        }
    }

    /// When a node advertised a virtual host.
    pub fn adverts(&self, node: u8, host: VirtualHost) -> &[Timestamp] {
        self.adverts
            .get(&(node, host))
            .map_or(&[], |moments| moments)
    }

    /// When a node announced the address of a virtual host.
    pub fn announcements(&self, node: u8, host: VirtualHost) -> &[Timestamp] {
        let moments = self.announcements.get(&(node, host));
        moments.map_or(&[], |moments| moments)
    }

    /// How many adverts a node sent.
    pub fn count(&self, node: u8) -> usize {
        let of_node = self.adverts.iter().filter(|((by, _), _)| *by == node);
        of_node.map(|(_, moments)| moments.len()).sum()
    }
}
