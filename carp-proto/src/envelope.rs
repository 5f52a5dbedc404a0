//! What a receiver must know of the IP header.

use core::net::IpAddr;

use crate::Family;

/// The IP protocol number, or IPv6 next header, of CARP (and of VRRP), 112.
pub const PROTOCOL: u8 = 112;

/// The TTL or hop limit that every advertisement has: no router has forwarded it.
pub const HOP_LIMIT: u8 = 255;

/// The facts of the IP header around an advertisement that a receiver looks at
/// (`docs/carp-protocol.md §3`).
///
/// [`decode_ip_packet`](crate::decode_ip_packet) makes one of a packet. A raw IPv6 socket delivers
/// no header: there the facts come from control messages.
///
/// # Examples
///
/// ```
/// use carp_proto::{Envelope, Family, HOP_LIMIT};
///
/// let envelope = Envelope {
///     source: "192.0.2.2".parse()?,
///     destination: "224.0.0.18".parse()?,
///     hop_limit: HOP_LIMIT,
///     traffic_class: None,
///     identification: None,
/// };
/// assert_eq!(envelope.family(), Family::Inet);
/// assert!(envelope.is_to_group());
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// Where the packet comes from, as the sender says.
    pub source: IpAddr,
    /// Where the packet was sent to: the group, or a host.
    pub destination: IpAddr,
    /// The TTL or hop limit; [`HOP_LIMIT`] if the packet comes from this network segment.
    pub hop_limit: u8,
    /// The IPv4 TOS or IPv6 traffic class, where it is known. No receiver checks it; it tells
    /// something of who sent the packet (`docs/carp-protocol.md §1.3`), as does the next.
    pub traffic_class: Option<u8>,
    /// The identification of IPv4, where it is known.
    pub identification: Option<u16>,
}

impl Envelope {
    /// Returns the family that the packet came by, which is that of its destination.
    pub const fn family(&self) -> Family {
        Family::of(self.destination)
    }

    /// Returns whether the packet was sent to one host: neither to a group nor to 255.255.255.255.
    /// Which address is the broadcast of a network nothing in the packet says.
    pub const fn is_unicast(&self) -> bool {
        match self.destination {
            IpAddr::V4(ip) => !(ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified()),
            IpAddr::V6(ip) => !(ip.is_multicast() || ip.is_unspecified()),
        }
    }

    /// Returns whether the packet was sent to the CARP group of its family.
    pub fn is_to_group(&self) -> bool {
        self.destination == self.family().group()
    }
}

#[cfg(test)]
mod tests {
    use super::Envelope;
    use crate::Family;

    #[test]
    fn only_the_group_of_its_own_family_is_the_group() {
        let to = |destination: &str| Envelope {
            source: "192.0.2.2".parse().unwrap(),
            destination: destination.parse().unwrap(),
            hop_limit: 255,
            traffic_class: None,
            identification: None,
        };
        assert!(to("224.0.0.18").is_to_group());
        assert!(to("ff02::12").is_to_group());
        assert!(!to("192.0.2.3").is_to_group());
        assert!(!to("224.0.0.19").is_to_group());
        for one_host in ["192.0.2.3", "2001:db8::3", "fe80::3"] {
            assert!(to(one_host).is_unicast(), "{one_host}");
        }
        for many in ["224.0.0.18", "ff02::12", "224.0.0.1", "255.255.255.255"] {
            assert!(!to(many).is_unicast(), "{many}");
        }
        assert!(!to("::ffff:224.0.0.18").is_to_group());
        assert_eq!(to("ff02::12").family(), Family::Inet6);
    }
}
