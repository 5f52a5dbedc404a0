//! The programs: for a carp interface that holds nothing, one that is master, one that is handing
//! over, and for a carpdev whose own addresses must not suffer while virtual ones on it are handed
//! over.

use std::net::IpAddr;

use super::bpf::{Program, Step, To};

/// For an interface with a virtual MAC address that holds nothing: drops everything.
///
/// It has no carrier then, but not always: the kernel gives a macvlan that of its carpdev whenever
/// the latter changes, protodown or not.
pub(in crate::linux) fn closed() -> Program {
    Program::new(&[Step::Drop])
}

/// For an interface with a virtual MAC address that is master: drops MLD, router solicitations and
/// probes for duplicate addresses.
///
/// The kernel sends the first when an IPv6 address comes, goes or is renewed, up to a second
/// later, and the others where a setting was changed behind our back.
pub(in crate::linux) fn normal() -> Program {
    let mut steps = vec![Step::Half(ETHERTYPE), Step::Is(IPV6, To::Next, To::Pass)];
    steps.extend(ICMPV6_TYPE_OR_PASS);
    steps.extend([
        Step::Is(MLD2_REPORT, To::Drop, To::Next),
        Step::Is(NEIGHBOUR_SOLICITATION, To::Over(2), To::Next),
        Step::AtLeast(ROUTER_ADVERTISEMENT, To::Pass, To::Next),
        Step::AtLeast(MLD_QUERY, To::Drop, To::Pass),
        // A solicitation from nowhere is a probe (RFC 4862 §5.4.2).
        Step::Word(IPV6_SOURCE),
        Step::Is(0, To::Next, To::Pass),
        Step::Word(IPV6_SOURCE + 4),
        Step::Is(0, To::Next, To::Pass),
        Step::Word(IPV6_SOURCE + 8),
        Step::Is(0, To::Next, To::Pass),
        Step::Word(IPV6_SOURCE + 12),
        Step::Is(0, To::Drop, To::Pass),
    ]);
    Program::new(&steps)
}

/// For an interface with a virtual MAC address that is handing over: drops ARP, neighbour
/// discovery, MLD and IGMP; data passes.
///
/// Its kernel would go on answering other hosts' requests and pull the switch back.
pub(in crate::linux) fn quiet() -> Program {
    let mut steps = vec![
        Step::Half(ETHERTYPE),
        Step::Is(ARP, To::Drop, To::Next),
        Step::Is(IPV4, To::Next, To::Over(2)),
        Step::Byte(IPV4_PROTOCOL),
        Step::Is(IGMP, To::Drop, To::Pass),
        Step::Is(IPV6, To::Next, To::Pass),
    ];
    steps.extend(ICMPV6_TYPE_OR_PASS);
    steps.extend([
        Step::Is(MLD2_REPORT, To::Drop, To::Next),
        Step::AtLeast(REDIRECT + 1, To::Pass, To::Next),
        Step::AtLeast(MLD_QUERY, To::Drop, To::Pass),
    ]);
    Program::new(&steps)
}

/// For a carpdev while `addresses` on it are handed over: drops ARP that names one of them as the
/// sender's, and neighbour discovery from one or about one. Nothing else is touched.
pub(in crate::linux) fn veil(addresses: &[IpAddr]) -> Program {
    let inet: Vec<u32> = addresses
        .iter()
        .filter_map(|ip| match ip {
            IpAddr::V4(ip) => Some(ip.to_bits()),
            IpAddr::V6(_) => None,
        })
        .collect();
    let inet6: Vec<[u8; 16]> = addresses
        .iter()
        .filter_map(|ip| match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => Some(ip.octets()),
        })
        .collect();

    let mut nd = Vec::new();
    for ip in &inet6 {
        nd.extend(drop_if_equal(IPV6_SOURCE, ip));
        nd.extend(drop_if_equal(ND_TARGET, ip));
    }
    // Lists can be long and tests reach 255 instructions: what lies behind a list is skipped to.
    let rest = length(&nd);
    let discovery = [
        Step::Is(IPV6, To::Over(1), To::Next),
        Step::Skip(7 + rest),
        Step::Byte(IPV6_NEXT_HEADER),
        Step::Is(ICMPV6, To::Over(1), To::Next),
        Step::Skip(4 + rest),
        Step::Byte(ICMPV6_TYPE),
        Step::Is(NEIGHBOUR_SOLICITATION, To::Over(2), To::Next),
        Step::Is(NEIGHBOUR_ADVERTISEMENT, To::Over(1), To::Next),
        Step::Skip(rest),
    ];
    let mut arp = vec![Step::Word(ARP_SENDER)];
    for ip in inet {
        arp.extend([Step::Is(ip, To::Next, To::Over(1)), Step::Drop]);
    }
    arp.push(Step::Skip(length(&discovery) + rest));

    let mut steps = vec![
        Step::Half(ETHERTYPE),
        Step::Is(ARP, To::Over(1), To::Next),
        Step::Skip(length(&arp)),
    ];
    steps.extend(arp);
    steps.extend(discovery);
    steps.extend(nd);
    Program::new(&steps)
}

fn length(steps: &[Step]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

/// Drops a frame that has `ip` at this offset.
fn drop_if_equal(offset: u32, ip: &[u8; 16]) -> Vec<Step> {
    let (words, _) = ip.as_chunks::<4>();
    let mut steps = Vec::new();
    let mut left: u8 = 8;
    for (word, offset) in words.iter().zip((offset..).step_by(4)) {
        left -= 2;
        steps.push(Step::Word(offset));
        steps.push(Step::Is(
            u32::from_be_bytes(*word),
            To::Next,
            To::Over(left + 1),
        ));
    }
    steps.push(Step::Drop);
    steps
}

/// A ← the type of an ICMPv6 packet behind at most one hop-by-hop header (MLD has one, for its
/// router alert); anything else passes.
const ICMPV6_TYPE_OR_PASS: [Step; 12] = [
    Step::Byte(IPV6_NEXT_HEADER),
    Step::Is(HOP_BY_HOP, To::Next, To::Over(7)),
    Step::Byte(IPV6_PAYLOAD),
    Step::Is(ICMPV6, To::Next, To::Pass),
    // RFC 8200 §4.3: the length in units of 8 bytes beyond the first 8.
    Step::Byte(IPV6_PAYLOAD + 1),
    Step::Add(1),
    Step::ShiftLeft(3),
    Step::AToX,
    Step::Skip(2),
    Step::Is(ICMPV6, To::Next, To::Pass),
    Step::X(0),
    Step::ByteBehindX(IPV6_PAYLOAD),
];

const ETHERTYPE: u32 = 12;
const PAYLOAD: u32 = 14;
const ARP: u32 = 0x0806;
const ARP_SENDER: u32 = PAYLOAD + 14;
const IPV4: u32 = 0x0800;
const IPV4_PROTOCOL: u32 = PAYLOAD + 9;
const IGMP: u32 = 2;
const IPV6: u32 = 0x86dd;
const IPV6_NEXT_HEADER: u32 = PAYLOAD + 6;
const IPV6_SOURCE: u32 = PAYLOAD + 8;
const IPV6_PAYLOAD: u32 = PAYLOAD + 40;
const HOP_BY_HOP: u32 = 0;
const ICMPV6: u32 = 58;
const ICMPV6_TYPE: u32 = IPV6_PAYLOAD;
const ND_TARGET: u32 = IPV6_PAYLOAD + 8;

const MLD_QUERY: u32 = 130;
const ROUTER_ADVERTISEMENT: u32 = 134;
const NEIGHBOUR_SOLICITATION: u32 = 135;
const NEIGHBOUR_ADVERTISEMENT: u32 = 136;
const REDIRECT: u32 = 137;
const MLD2_REPORT: u32 = 143;
