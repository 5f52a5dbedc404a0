//! The programs, run by an evaluator of classic BPF as its man page has it, on whole frames.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_fsm::carp_proto::{
    AdvertHeaders, Advertisement, ArpForm, MacAddress, Vhid, advert_frame, arp_announcement,
    neighbour_advertisement,
};

use super::bpf::*;
use super::*;

const MAC: MacAddress = MacAddress([0x00, 0x00, 0x5e, 0x00, 0x01, 0x63]);
const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);
const OURS6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
const OTHER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x11);

/// Runs a program; a load beyond the frame ends it with 0, which passes too.
fn passes(program: &Program, frame: &[u8]) -> bool {
    let code = program.instructions();
    let load = |at: u32, size: usize| {
        let at = at as usize;
        let bytes = frame.get(at..at + size)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
        )
    };
    let (mut a, mut x, mut at) = (0_u32, 0_u32, 0);
    loop {
        let Instruction { code, jt, jf, k } = code[at];
        at += 1;
        const LDW: u16 = LD | W | ABS;
        const LDH: u16 = LD | H | ABS;
        const LDB: u16 = LD | B | ABS;
        let loaded = match code {
            LDW => load(k, 4),
            LDH => load(k, 2),
            LDB => load(k, 1),
            0x50 => load(x + k, 1),
            0x04 => Some(a + k),
            0x64 => Some(a << k),
            0x07 => {
                x = a;
                Some(a)
            }
            0x01 => {
                x = k;
                Some(a)
            }
            0x05 => {
                at += k as usize;
                Some(a)
            }
            0x15 => {
                at += usize::from(if a == k { jt } else { jf });
                Some(a)
            }
            0x35 => {
                at += usize::from(if a >= k { jt } else { jf });
                Some(a)
            }
            0x06 => return k != DROP,
            code => panic!("unknown instruction {code:#x}"),
        };
        match loaded {
            Some(loaded) => a = loaded,
            None => return true,
        }
    }
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [0x33, 0x33, 0, 0, 0, 1].to_vec();
    frame.extend(MAC.octets());
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

fn ipv6(next_header: u8, source: Ipv6Addr, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut packet = [0x60, 0, 0, 0, 0, length, next_header, 255].to_vec();
    packet.extend(source.octets());
    packet.extend(OTHER6.octets());
    packet.extend(payload);
    ethernet(0x86dd, &packet)
}

fn icmpv6(kind: u8, source: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let mut message = [kind, 0, 0, 0, 0, 0, 0, 0].to_vec();
    message.extend(target.octets());
    ipv6(58, source, &message)
}

/// As the kernel sends MLD: behind a router alert.
fn behind_router_alert(kind: u8) -> Vec<u8> {
    let mut payload = [58, 0, 5, 2, 0, 0, 1, 0].to_vec();
    payload.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
    ipv6(0, OURS6, &payload)
}

fn ipv4(protocol: u8) -> Vec<u8> {
    let mut packet = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0].to_vec();
    packet.extend(OURS.octets());
    packet.extend(OTHER.octets());
    packet.extend([0; 8]);
    ethernet(0x0800, &packet)
}

fn arp(sender: Ipv4Addr) -> Vec<u8> {
    arp_announcement(MAC, sender, ArpForm::Request).to_vec()
}

/// Frames that are data for every program.
fn data() -> Vec<Vec<u8>> {
    let vhid = Vhid::new(99).unwrap();
    let advert = Advertisement::new(vhid, 1, 0, 0, 0).encode();
    let adverts = [IpAddr::from(OTHER), OTHER6.into()]
        .map(|source| advert_frame(&AdvertHeaders::to_group(MAC, source), &advert).to_vec());
    let mut data = vec![
        ipv4(1),
        ipv4(6),
        ipv4(17),
        icmpv6(1, OURS6, OTHER6),   // unreachable
        icmpv6(128, OURS6, OTHER6), // echo request
        icmpv6(129, OURS6, OTHER6), // echo reply
        ipv6(6, OURS6, &[0; 20]),
        ipv6(0, OURS6, &[6, 0, 1, 4, 0, 0, 0, 0, 143, 0, 0, 0]), // TCP behind options
        ethernet(0x88cc, &[0; 46]),
    ];
    data.extend(adverts);
    data
}

#[test]
fn closed_drops_everything() {
    let program = closed();
    let mut frames = data();
    frames.extend([arp(OURS), icmpv6(136, OURS6, OURS6), vec![0; 14], vec![]]);
    for frame in frames {
        assert!(!passes(&program, &frame), "{frame:02x?}");
    }
}

#[test]
fn normal_drops_what_the_kernel_says_by_itself() {
    let program = normal();
    for kind in [130, 131, 132, 143] {
        assert!(!passes(&program, &behind_router_alert(kind)), "{kind}");
        assert!(!passes(&program, &icmpv6(kind, OURS6, OTHER6)), "{kind}");
    }
    assert!(
        !passes(&program, &icmpv6(133, OURS6, OTHER6)),
        "router solicitation"
    );
    let nowhere = Ipv6Addr::UNSPECIFIED;
    assert!(
        !passes(&program, &icmpv6(135, nowhere, OURS6)),
        "probe for duplicates"
    );
}

#[test]
fn normal_passes_everything_else() {
    let program = normal();
    for kind in (0..=255).filter(|kind| !matches!(kind, 130..=133 | 143)) {
        assert!(passes(&program, &icmpv6(kind, OURS6, OTHER6)), "{kind}");
        assert!(passes(&program, &behind_router_alert(kind)), "{kind}");
    }
    // Sources that are nearly nowhere.
    for word in 0..4 {
        let source = Ipv6Addr::from_bits(1 << (32 * word));
        assert!(passes(&program, &icmpv6(135, source, OURS6)), "{source}");
    }
    assert!(passes(&program, &arp(OURS)));
    assert!(passes(&program, &ipv4(2)), "IGMP");
    for frame in data() {
        assert!(passes(&program, &frame), "{frame:02x?}");
    }
}

#[test]
fn quiet_drops_arp_neighbour_discovery_and_group_membership() {
    let program = quiet();
    assert!(!passes(&program, &arp(OURS)));
    assert!(!passes(&program, &arp(OTHER)));
    assert!(!passes(&program, &ipv4(2)), "IGMP");
    for kind in 130..=137 {
        assert!(!passes(&program, &icmpv6(kind, OURS6, OURS6)), "{kind}");
    }
    assert!(!passes(
        &program,
        &neighbour_advertisement(MAC, OURS6, false)
    ));
    for kind in [130, 131, 132, 143] {
        assert!(!passes(&program, &behind_router_alert(kind)), "{kind}");
    }
}

#[test]
fn quiet_passes_data() {
    let program = quiet();
    for kind in (0..=255).filter(|kind| !matches!(kind, 130..=137 | 143)) {
        assert!(passes(&program, &icmpv6(kind, OURS6, OTHER6)), "{kind}");
    }
    for frame in data() {
        assert!(passes(&program, &frame), "{frame:02x?}");
    }
}

#[test]
fn a_veil_hides_its_addresses_and_nothing_else() {
    let long: Vec<IpAddr> = (0..100)
        .flat_map(|n| {
            let inet = Ipv4Addr::from_bits(OURS.to_bits() + 1_000 + n);
            let inet6 = Ipv6Addr::from_bits(OURS6.to_bits() + 1_000 + u128::from(n));
            [IpAddr::from(inet), inet6.into()]
        })
        .collect();
    let only = [IpAddr::from(OURS), OURS6.into()];
    for others in [vec![], long] {
        let hidden: Vec<IpAddr> = only.iter().chain(&others).copied().collect();
        let program = veil(&hidden);
        assert!(program.len() < 4096, "{}", program.len());
        assert!(!passes(&program, &arp(OURS)));
        for kind in [135, 136] {
            assert!(!passes(&program, &icmpv6(kind, OURS6, OTHER6)), "{kind}");
            assert!(!passes(&program, &icmpv6(kind, OTHER6, OURS6)), "{kind}");
            assert!(passes(&program, &icmpv6(kind, OTHER6, OTHER6)), "{kind}");
        }
        for ip in &others {
            match ip {
                IpAddr::V4(ip) => assert!(!passes(&program, &arp(*ip)), "{ip}"),
                IpAddr::V6(ip) => {
                    assert!(!passes(&program, &icmpv6(136, OTHER6, *ip)), "{ip}");
                    assert!(!passes(&program, &icmpv6(135, *ip, OTHER6)), "{ip}");
                }
            }
        }
        assert!(passes(&program, &arp(OTHER)));
        assert!(passes(&program, &ipv4(2)), "IGMP of the host itself");
        assert!(passes(&program, &behind_router_alert(143)), "its MLD");
        assert!(
            passes(&program, &icmpv6(133, OTHER6, OTHER6)),
            "its solicitations"
        );
        for frame in data() {
            assert!(passes(&program, &frame), "{frame:02x?}");
        }
    }
}

#[test]
fn a_veil_of_one_family_leaves_the_other_alone() {
    let program = veil(&[OURS.into()]);
    assert!(passes(&program, &icmpv6(136, OURS6, OURS6)));
    let program = veil(&[OURS6.into()]);
    assert!(passes(&program, &arp(OURS)));
    let program = veil(&[]);
    assert!(passes(&program, &arp(OURS)));
    assert!(passes(&program, &icmpv6(136, OURS6, OURS6)));
}

#[test]
fn short_frames_pass_and_lead_nowhere() {
    for program in [normal(), quiet(), veil(&[OURS.into(), OURS6.into()])] {
        let frames = [
            behind_router_alert(128),
            icmpv6(128, OTHER6, OTHER6),
            ipv4(6),
        ];
        for frame in frames {
            for length in 0..frame.len() {
                assert!(passes(&program, &frame[..length]), "{length}");
            }
        }
    }
}

#[test]
fn instructions_are_laid_out_as_the_kernel_reads_them() {
    let program = Program::new(&[Step::Is(0x0102_0304, To::Drop, To::Pass)]);
    let mut expected = Vec::new();
    for (code, jt, jf, k) in [
        (0x15_u16, 1, 0, 0x0102_0304_u32),
        (6, 0, 0, PASS),
        (6, 0, 0, DROP),
    ] {
        expected.extend(code.to_ne_bytes());
        expected.extend([jt, jf]);
        expected.extend(k.to_ne_bytes());
    }
    assert_eq!(program.to_bytes(), expected);
    assert_eq!(program.len(), 3);
}
