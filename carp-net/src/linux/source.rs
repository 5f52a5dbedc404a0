//! What the frames that leave say: where they come from, and who has an address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_fsm::carp_proto::{
    AdvertHeaders, ArpForm, Endpoints, Family, Frame, MacAddress, VirtualAddress, advert_frame,
    arp_announcement, neighbour_advertisement,
};

use super::Linux;
use super::addresses::MARK;
use super::links::Address;
use crate::Outgoing;

impl Linux {
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
        let is_link_local = |ip: &IpAddr| match ip {
            IpAddr::V4(_) => false,
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        let found = own().find(is_link_local).or_else(|| own().next());
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
            || self.hosts.values().any(|host| {
                self.carpdev(&host.setup) == Some(index)
                    && host.addresses.iter().any(|address| address.ip() == ip)
            })
    }

    fn own_addresses(&self, index: u32) -> impl Iterator<Item = &Address> {
        let there = self.links.addresses(index).iter();
        there.filter(move |address| !self.is_virtual(index, address.ip))
    }
}

/// The frame of an advert; its identification is a random one, as most peers have.
pub(super) fn frame(mac: MacAddress, source: IpAddr, advert: &Outgoing) -> io::Result<Frame> {
    let headers = AdvertHeaders {
        endpoints: Endpoints::new(source, advert.to).map_err(io::Error::other)?,
        traffic_class: advert.traffic_class,
        identification: getrandom::u32().map_or(0, |random| (random >> 16) as u16),
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
