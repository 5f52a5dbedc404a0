//! The question for an address and its answer, in ARP (RFC 826) and neighbour discovery
//! (RFC 4861 §4.3, §4.4). Announcements are not answers: those go to the host that asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_fsm::carp_proto::MacAddress;

use super::icmp::internet_checksum;

/// Who has `target`? Tell `own`.
pub(super) fn arp_request(mac: MacAddress, own: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = header(MacAddress::BROADCAST, mac, ARP);
    frame.extend(ARP_HEADER);
    frame.extend(1_u16.to_be_bytes());
    frame.extend(mac.octets());
    frame.extend(own.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    frame
}

/// The same over IPv6, to the group that who has `target` must listen to.
pub(super) fn neighbour_solicitation(mac: MacAddress, own: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from_be_bytes([b, c]),
    );
    let [.., g0, g1, g2, g3] = group.octets();

    // Type and code, checksum, reserved, target, option "source link-layer address".
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message.extend([1, 1]);
    message.extend(mac.octets());

    // The pseudo-header of RFC 8200 §8.1: addresses, length, next header.
    let mut summed = [own.octets(), group.octets()].concat();
    summed.extend([0, 0, 0, 32, 0, 0, 0, ICMPV6]);
    summed.extend(&message);
    let [high, low] = internet_checksum(&summed).to_be_bytes();
    for (byte, sum) in message.iter_mut().skip(2).zip([high, low]) {
        *byte = sum;
    }

    let mut frame = header(MacAddress([0x33, 0x33, g0, g1, g2, g3]), mac, IPV6);
    // Version 6; 32 bytes of ICMPv6; hop limit 255, or nobody believes it.
    frame.extend([0x60, 0, 0, 0, 0, 32, ICMPV6, 255]);
    frame.extend(own.octets());
    frame.extend(group.octets());
    frame.extend(message);
    frame
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The link-layer address it names.
    pub(super) mac: MacAddress,
    /// The link-layer address it came from.
    pub(super) source: MacAddress,
}

/// Reads a frame as the answer about `target` to the host with the link-layer address `asker`.
pub(super) fn read_answer(frame: &[u8], target: IpAddr, asker: MacAddress) -> Option<Answer> {
    let (to, rest) = frame.split_first_chunk::<6>()?;
    let (from, rest) = rest.split_first_chunk::<6>()?;
    let (ethertype, packet) = rest.split_first_chunk::<2>()?;
    if MacAddress(*to) != asker {
        return None;
    }
    let mac = match (u16::from_be_bytes(*ethertype), target) {
        (ARP, IpAddr::V4(target)) => read_arp_reply(packet, target)?,
        (IPV6, IpAddr::V6(target)) => {
            read_neighbour_advertisement(packet, target)?.unwrap_or(MacAddress(*from))
        }
        _ => return None,
    };
    Some(Answer {
        mac,
        source: MacAddress(*from),
    })
}

fn read_arp_reply(packet: &[u8], target: Ipv4Addr) -> Option<MacAddress> {
    let packet = packet.strip_prefix(&ARP_HEADER)?.strip_prefix(&[0, 2])?;
    let (mac, packet) = packet.split_first_chunk()?;
    let (ip, _) = packet.split_first_chunk::<4>()?;
    (Ipv4Addr::from(*ip) == target).then_some(MacAddress(*mac))
}

/// The link-layer address in the advertisement's option, if it has that.
fn read_neighbour_advertisement(packet: &[u8], target: Ipv6Addr) -> Option<Option<MacAddress>> {
    let (ip, message) = packet.split_first_chunk::<40>()?;
    let [_, _, _, _, _, _, ICMPV6, 255, ..] = ip else {
        return None;
    };
    let (head, rest) = message.split_first_chunk::<8>()?;
    let (about, options) = rest.split_first_chunk::<16>()?;
    let answers = head.starts_with(&[ADVERTISEMENT, 0]) && Ipv6Addr::from(*about) == target;
    let mac = || {
        let option = options.strip_prefix(&[2, 1])?.first_chunk()?;
        Some(MacAddress(*option))
    };
    answers.then(mac)
}

fn header(to: MacAddress, from: MacAddress, ethertype: u16) -> Vec<u8> {
    let mut frame = [to.octets(), from.octets()].concat();
    frame.extend(ethertype.to_be_bytes());
    frame
}

const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// Ethernet, IPv4, and the lengths of their addresses.
const ARP_HEADER: [u8; 6] = [0, 1, 0x08, 0, 6, 4];

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: MacAddress = MacAddress([2, 0, 0, 0, 0, 9]);
    const OTHER: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);

    #[test]
    fn a_solicitation_is_what_an_independent_parser_expects() {
        let own: Ipv6Addr = "2001:db8::50".parse().unwrap();
        let target = "2001:db8::12:3456".parse().unwrap();
        let frame = neighbour_solicitation(ASKER, own, target);
        let packet = etherparse::SlicedPacket::from_ethernet(&frame).unwrap();
        let Some(etherparse::NetSlice::Ipv6(ip)) = &packet.net else {
            panic!("no IPv6: {packet:?}");
        };
        assert_eq!(ip.header().hop_limit(), 255);
        let group: Ipv6Addr = "ff02::1:ff12:3456".parse().unwrap();
        assert_eq!(ip.header().destination_addr(), group);
        let Some(etherparse::TransportSlice::Icmpv6(message)) = &packet.transport else {
            panic!("no ICMPv6: {packet:?}");
        };
        let (source, destination) = (ip.header().source(), ip.header().destination());
        assert!(message.is_checksum_valid(source, destination));
        assert_eq!(message.type_u8(), SOLICITATION);
    }

    #[test]
    fn an_arp_reply_to_the_asker_is_an_answer_and_an_announcement_is_not() {
        let target = Ipv4Addr::new(192, 0, 2, 10);
        let mut reply = arp_request(OTHER, target, Ipv4Addr::new(192, 0, 2, 50));
        reply[21] = 2;
        assert_eq!(read_answer(&reply, target.into(), ASKER), None);
        reply[..6].copy_from_slice(&ASKER.octets());
        let answer = Answer {
            mac: OTHER,
            source: OTHER,
        };
        assert_eq!(read_answer(&reply, target.into(), ASKER), Some(answer));
        for length in 0..32 {
            assert_eq!(read_answer(&reply[..length], target.into(), ASKER), None);
        }
    }

    #[test]
    fn a_request_is_no_answer() {
        let target = Ipv4Addr::new(192, 0, 2, 10);
        let mut request = arp_request(OTHER, target, Ipv4Addr::new(192, 0, 2, 50));
        request[..6].copy_from_slice(&ASKER.octets());
        assert_eq!(read_answer(&request, target.into(), ASKER), None);
    }
}
