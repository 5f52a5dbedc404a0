//! Packets as no node sends them: every field can be wrong.

use std::net::IpAddr;

use carp_net::carp_fsm::carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Family, HOP_LIMIT, Key, MacAddress,
    PROTOCOL, Vhid,
};

use crate::net::{PASS, V4, V6, ip};

/// A frame in the making. Fresh from [`claiming`](Self::claiming) it is as another node of the
/// cluster would send it.
#[derive(Clone, Debug)]
pub(super) struct Crafted {
    pub(super) destination_mac: MacAddress,
    pub(super) source_mac: MacAddress,
    /// VLAN tags from the outside in: ethertype and VLAN.
    pub(super) tags: Vec<[u16; 2]>,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) hop_limit: u8,
    /// TOS, or traffic class.
    pub(super) class: u8,
    /// Flags and fragment offset of IPv4.
    pub(super) fragmentation: u16,
    /// Options of IPv4, or destination options of IPv6.
    pub(super) options: Vec<u8>,
    /// What is wrong with the checksum of the IPv4 header.
    pub(super) header_damage: u16,
    /// Digest and checksum are filled in at the end.
    pub(super) advert: Advertisement,
    pub(super) password: &'static str,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) digest_damage: u8,
    /// With the pseudo-header of IPv6.
    pub(super) pseudo_header: bool,
    pub(super) checksum_damage: u16,
    /// How much there is of it, and how much comes behind.
    pub(super) length: usize,
    pub(super) trailing: usize,
}

pub(super) const VHID: u8 = 99;

impl Crafted {
    /// An advert of vhid 99 with this interval.
    pub(super) fn claiming(family: Family, advbase: u8, advskew: u8) -> Self {
        let source = match family {
            Family::Inet => "192.0.2.77",
            Family::Inet6 => "fe80::77",
        };
        Self {
            destination_mac: family.group_mac(),
            source_mac: MacAddress([2, 0, 0, 0, 0, 0x77]),
            tags: Vec::new(),
            source: ip(source),
            destination: family.group(),
            hop_limit: HOP_LIMIT,
            class: 0,
            fragmentation: DONT_FRAGMENT,
            options: Vec::new(),
            header_damage: 0,
            advert: Advertisement::new(Vhid::new(VHID).unwrap(), advbase, advskew, 0, COUNTER),
            password: PASS,
            addresses: vec![ip(V4), ip(V6)],
            digest_damage: 0,
            pseudo_header: false,
            checksum_damage: 0,
            length: Advertisement::LEN,
            trailing: 0,
        }
    }

    pub(super) fn frame(&self) -> Vec<u8> {
        let mut frame = self.destination_mac.octets().to_vec();
        frame.extend(self.source_mac.octets());
        for half in self.tags.iter().flatten() {
            frame.extend(half.to_be_bytes());
        }
        let payload = self.payload();
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend([0x08, 0x00]);
                frame.extend(self.ipv4(payload.len(), source.octets(), destination.octets()));
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend([0x86, 0xdd]);
                frame.extend(self.ipv6(payload.len(), source.octets(), destination.octets()));
            }
            mixed => panic!("{mixed:?}"),
        }
        frame.extend(payload);
        frame
    }

    fn payload(&self) -> Vec<u8> {
        let key = Key::from_password(self.password);
        // The digest covers a vhid that a node can have; others are no node's.
        let vhid = Vhid::new(self.advert.vhid.max(1)).unwrap();
        let authenticator = Authenticator::new(&key, vhid, self.addresses.iter().copied());
        let mut advert = self.advert;
        advert = advert.signed(&authenticator, DigestForm::WithoutLinkLocal);
        advert.digest[19] ^= self.digest_damage;
        let form = match (self.pseudo_header, self.source, self.destination) {
            (true, IpAddr::V6(source), IpAddr::V6(destination)) => ChecksumForm::PseudoHeader {
                source,
                destination,
            },
            _ => ChecksumForm::Plain,
        };
        advert = advert.with_checksum(form);
        advert.checksum ^= self.checksum_damage;
        let mut payload = advert.encode().to_vec();
        payload.truncate(self.length);
        payload.resize(payload.len() + self.trailing, 0xa5);
        payload
    }

    fn ipv4(&self, payload: usize, source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
        let length = 20 + self.options.len();
        let words = u8::try_from(length / 4).unwrap();
        let mut header = vec![0x40 | words, self.class];
        header.extend(u16::try_from(length + payload).unwrap().to_be_bytes());
        header.extend([0x12, 0x34]);
        header.extend(self.fragmentation.to_be_bytes());
        header.extend([self.hop_limit, PROTOCOL, 0, 0]);
        header.extend(source);
        header.extend(destination);
        header.extend(&self.options);
        let checksum = internet_checksum(&header) ^ self.header_damage;
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    fn ipv6(&self, payload: usize, source: [u8; 16], destination: [u8; 16]) -> Vec<u8> {
        let version_and_class = 0x6000 | u16::from(self.class) << 4;
        let mut header = version_and_class.to_be_bytes().to_vec();
        header.extend([0, 0]);
        let length = self.options.len() + payload;
        header.extend(u16::try_from(length).unwrap().to_be_bytes());
        let next = if self.options.is_empty() {
            PROTOCOL
        } else {
            DESTINATION_OPTIONS
        };
        header.extend([next, self.hop_limit]);
        header.extend(source);
        header.extend(destination);
        header.extend(&self.options);
        header
    }
}

/// RFC 1071, of an even number of bytes.
fn internet_checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap()
}

/// The same in each packet: nothing checks that it grows.
const COUNTER: u64 = 42;

pub(super) const DONT_FRAGMENT: u16 = 0x4000;
const DESTINATION_OPTIONS: u8 = 60;
