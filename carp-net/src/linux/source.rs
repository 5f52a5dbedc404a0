//! What the frames that leave say: where they come from, and who has an address.

use std::cmp::Reverse;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_fsm::carp_proto::{
    AdvertHeaders, ArpForm, Endpoints, Family, Frame, MacAddress, VirtualAddress, advert_frame,
    arp_announcement, neighbour_advertisement,
};

use super::addresses::MARK;
use super::links::Address;
use super::{Host, Linux};
use crate::Outgoing;

/// How adverts to a unicast peer leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The address that they come from.
    pub(super) source: IpAddr,
    /// The interface that they leave through; none: the one that the host's routes say.
    pub(super) index: Option<u32>,
}

impl Linux {
    /// The way to a unicast peer from the interface with this index; none where that has no address
    /// that the peer could be told from.
    ///
    /// The interface is not to be forced on a peer in another network: the kernel would take the
    /// peer for a neighbour where no route leads through it.
    pub(super) fn way_to(&self, index: u32, to: IpAddr) -> Option<Way> {
        if is_link_local(to) {
            let (source, index) = (self.source(index, Family::Inet6), Some(index));
            return Some(Way { source, index });
        }
        let suits = |address: &&Address| {
            let same_family = Family::of(address.ip) == Family::of(to);
            same_family && address.is_usable() && !is_link_local(address.ip)
        };
        // As RFC 6724 has it: what the host would not choose by itself comes last.
        let rank = |address: &&Address| {
            let is_far = !is_in_network(address, to);
            let is_second = (address.is_deprecated(), address.is_secondary());
            (is_far, is_second, Reverse(common_bits(address.ip, to)))
        };
        let own = self.own_addresses(index).filter(suits);
        let source = own.min_by_key(rank)?.ip;
        let is_neighbour = self.is_neighbour(index, to);
        Some(Way {
            source,
            index: is_neighbour.then_some(index),
        })
    }

    /// Whether `ip` is an address of this host, on the interface with this index if that matters.
    pub(super) fn is_own(&self, index: u32, ip: IpAddr) -> bool {
        let mut holders = self.links.holders(ip);
        holders.any(|(link, _)| !is_link_local(ip) || link.index == index)
    }

    /// The source of adverts out of the interface with this index: an address of its own, never a
    /// virtual one. Over IPv6 a link-local one is preferred, and never lacking, because one
    /// follows from the link-layer address; over IPv4 it is 0.0.0.0 at worst
    /// (`docs/carp-protocol.md §1.3`).
    pub(super) fn source(&self, index: u32, family: Family) -> IpAddr {
        let own = || {
            self.own_addresses(index)
                .filter(|address| Family::of(address.ip) == family && address.is_usable())
                .map(|address| address.ip)
        };
        let found = match family {
            Family::Inet => own().next(),
            Family::Inet6 => own().find(|ip| is_link_local(*ip)).or_else(|| own().next()),
        };
        found.unwrap_or_else(|| match family {
            Family::Inet => Ipv4Addr::UNSPECIFIED.into(),
            Family::Inet6 => {
                let mac = self.links.get(index).and_then(|link| link.mac);
                link_local(mac.unwrap_or(MacAddress([0; 6]))).into()
            }
        })
    }

    /// The networks in which the interface with this index has addresses of its own.
    pub(super) fn own_networks(&self, index: u32) -> Vec<VirtualAddress> {
        self.own_addresses(index)
            .filter_map(Address::network)
            .collect()
    }

    /// Whether an address on the interface with this index is there for a virtual host.
    pub(super) fn is_virtual(&self, index: u32, ip: IpAddr) -> bool {
        let there = self.links.addresses(index);
        there
            .iter()
            .any(|found| found.ip == ip && found.mark == MARK)
            || self.index.by_address(ip).iter().any(|id| {
                let host = self.hosts.get(id);
                host.is_some_and(|host| self.carpdev(&host.setup) == Some(index))
            })
    }

    /// Whether `ip` is in a network on the interface with this index. That of a virtual address
    /// counts, whose route leads through the carp interface.
    fn is_neighbour(&self, index: u32, ip: IpAddr) -> bool {
        let mut there = self.links.addresses(index).iter();
        let on_carpdev = |host: &&Host| self.carpdev(&host.setup) == Some(index);
        there.any(|address| is_in_network(address, ip))
            || self
                .hosts
                .values()
                .filter(on_carpdev)
                .flat_map(|host| &host.addresses)
                .any(|address| address.contains(ip))
    }

    fn own_addresses(&self, index: u32) -> impl Iterator<Item = &Address> {
        let there = self.links.addresses(index).iter();
        there.filter(move |address| !self.is_virtual(index, address.ip))
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn is_in_network(address: &Address, ip: IpAddr) -> bool {
    address
        .network()
        .is_some_and(|network| network.contains(ip))
}

/// How many bits are the same at the beginning of two IPv6 addresses.
fn common_bits(one: IpAddr, other: IpAddr) -> u32 {
    match (one, other) {
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V4(_), _) | (_, IpAddr::V4(_)) => 0,
    }
}

/// Identifications of packets: random ones, as most peers have. Nobody gains by guessing them, so
/// that the kernel is asked but once (SplitMix64).
#[derive(Debug)]
pub(super) struct Identifications(u64);

impl Identifications {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u16 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 48) as u16
    }
}

/// The frame of an advert.
pub(super) fn frame(
    mac: MacAddress,
    source: IpAddr,
    advert: &Outgoing,
    identification: u16,
) -> io::Result<Frame> {
    let headers = AdvertHeaders {
        endpoints: Endpoints::new(source, advert.to).map_err(io::Error::other)?,
        traffic_class: advert.traffic_class,
        identification,
        ..AdvertHeaders::to_group(mac, source)
    };
    Ok(advert_frame(&headers, &advert.payload_from(source)))
}

/// What tells the neighbours that `address` is at `mac` (`docs/carp-protocol.md §4.5`).
pub(super) fn announcements(mac: MacAddress, address: IpAddr, router: bool) -> Vec<Frame> {
    match address {
        IpAddr::V4(ip) => [ArpForm::Request, ArpForm::Reply]
            .map(|form| arp_announcement(mac, ip, form))
            .to_vec(),
        IpAddr::V6(ip) => vec![neighbour_advertisement(mac, ip, router)],
    }
}

/// The link-local address that follows from a link-layer address (RFC 4291 appendix A).
fn link_local(MacAddress([a, b, c, d, e, f]): MacAddress) -> Ipv6Addr {
    [
        0xfe,
        0x80,
        0,
        0,
        0,
        0,
        0,
        0,
        a ^ 0x02,
        b,
        c,
        0xff,
        0xfe,
        d,
        e,
        f,
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_follows_from_the_link_layer_address() {
        let mac = MacAddress([0x52, 0x07, 0xb4, 0xc8, 0xdc, 0xab]);
        let expected: Ipv6Addr = "fe80::5007:b4ff:fec8:dcab".parse().unwrap();
        assert_eq!(link_local(mac), expected);
    }
}
