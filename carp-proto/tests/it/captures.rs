//! What real peers sent (`tests/captures/README.md`): read, verified and built again.

use carp_proto::{
    AdvertHeaders, Advertisement, ArpForm, ChecksumForm, DigestForm, Endpoints, Family, HOP_LIMIT,
    LinkType, MacAddress, advert_frame, arp_announcement, checksum_is_valid, decode_frame,
    decode_ip_packet,
};

use crate::support::{addresses, authenticator, frames_of, vhid};

const PASSWORD: &str = "SharedSecret";
const ETHERNET: usize = 14;

#[test]
fn netbsd_with_one_ipv4_address() {
    Capture {
        file: "netbsd-v4-one-address.pcap",
        vhid: 99,
        password: PASSWORD,
        addresses: "192.0.2.10",
        expected: &[(Family::Inet, 1, 0, 4), (Family::Inet, 255, 255, 1)],
    }
    .check();
}

#[test]
fn netbsd_with_two_ipv4_addresses() {
    Capture {
        file: "netbsd-v4-two-addresses.pcap",
        vhid: 99,
        password: PASSWORD,
        addresses: "192.0.2.20 192.0.2.10",
        expected: &[(Family::Inet, 1, 0, 4), (Family::Inet, 255, 255, 1)],
    }
    .check();
}

#[test]
fn netbsd_with_three_ipv4_addresses() {
    Capture {
        file: "netbsd-v4-three-addresses.pcap",
        vhid: 7,
        password: "abc",
        addresses: "192.0.2.200 10.0.0.1 192.0.2.32",
        expected: &[(Family::Inet, 1, 50, 4), (Family::Inet, 255, 255, 1)],
    }
    .check();
}

#[test]
fn netbsd_with_one_ipv6_address() {
    Capture {
        file: "netbsd-v6-one-address.pcap",
        vhid: 99,
        password: PASSWORD,
        addresses: "2001:db8::10",
        expected: &[(Family::Inet6, 1, 0, 4), (Family::Inet6, 255, 255, 1)],
    }
    .check();
}

#[test]
fn netbsd_with_both_families() {
    Capture {
        file: "netbsd-dual-stack.pcap",
        vhid: 99,
        password: PASSWORD,
        addresses: "192.0.2.10 2001:db8::10",
        expected: &[
            (Family::Inet, 1, 0, 4),
            (Family::Inet6, 1, 0, 4),
            (Family::Inet, 255, 255, 1),
            (Family::Inet6, 255, 255, 1),
        ],
    }
    .check();
}

#[test]
fn netbsd_and_ucarp_in_turn() {
    Capture {
        file: "netbsd-and-ucarp.pcap",
        vhid: 99,
        password: PASSWORD,
        addresses: "192.0.2.10",
        expected: &[
            (Family::Inet, 1, 0, 13),
            (Family::Inet, 1, 100, 14),
            (Family::Inet, 255, 255, 1),
        ],
    }
    .check();
}

#[test]
fn arp_announcement_says_what_netbsd_says() {
    let ours = arp_announcement(
        vhid(99).virtual_mac(),
        "192.0.2.10".parse().unwrap(),
        ArpForm::Request,
    );

    // NetBSD 2016 sends it from the MAC address of the parent; the rest is the same.
    let frames = frames_of("netbsd-v4-one-address.pcap");
    let same = frames
        .iter()
        .filter(|frame| frame[..6] == ours[..6] && frame.get(12..ours.len()) == ours.get(12..));
    assert_eq!(same.count(), 1);
}

/// A file, how its sender was configured, and the adverts in it.
struct Capture<'a> {
    file: &'a str,
    vhid: u8,
    password: &'a str,
    addresses: &'a str,
    /// How many adverts there are of each family, advbase and advskew.
    expected: &'a [(Family, u8, u8, usize)],
}

impl Capture<'_> {
    fn check(&self) {
        let adverts: Vec<_> = frames_of(self.file)
            .iter()
            .filter_map(|frame| self.advert(frame))
            .collect();

        for &(family, advbase, advskew, count) in self.expected {
            let alike = |&(of, advert): &(Family, Advertisement)| {
                (of, advert.advbase, advert.advskew) == (family, advbase, advskew)
            };
            let found = adverts.iter().copied().filter(alike).count();
            assert_eq!(found, count, "{}: {family} {advbase}/{advskew}", self.file);
        }
        let total: usize = self.expected.iter().map(|(.., count)| count).sum();
        assert_eq!(adverts.len(), total, "{}", self.file);
    }

    /// Returns the advertisement in a frame, if there is one, after checking all there is to it.
    fn advert(&self, frame: &[u8]) -> Option<(Family, Advertisement)> {
        let packet = &frame[ETHERNET..];
        let (envelope, payload) = decode_ip_packet(packet).ok()?;
        assert_eq!(envelope.hop_limit, HOP_LIMIT);
        assert!(envelope.is_to_group());
        let decoded = decode_frame(LinkType::Ethernet, frame).unwrap();
        assert_eq!(
            (*decoded.envelope(), decoded.payload()),
            (envelope, payload)
        );
        assert_eq!(
            ChecksumForm::of(payload, &envelope),
            Some(ChecksumForm::Plain)
        );
        assert_eq!(payload.len(), Advertisement::LEN);
        assert!(checksum_is_valid(payload, &envelope));

        let advert = Advertisement::decode(payload).unwrap();
        assert_eq!(decoded.advert(), Ok(advert));
        assert_eq!(advert.version, Advertisement::VERSION);
        assert_eq!(advert.kind, Advertisement::TYPE);
        assert_eq!(advert.authlen, Advertisement::AUTHLEN);
        assert_eq!(advert.vhid, self.vhid);
        let ours = authenticator(self.password, self.vhid, self.addresses);
        let form = ours.verify(advert.counter, &advert.digest);
        assert_eq!(form, Some(DigestForm::WithoutLinkLocal), "{}", self.file);

        // The same configuration, counter and intervals make the same packet ...
        let rebuilt = Advertisement::new(
            vhid(self.vhid),
            advert.advbase,
            advert.advskew,
            advert.demotion,
            advert.counter,
        )
        .signed(&ours, DigestForm::WithoutLinkLocal)
        .with_checksum(ChecksumForm::Plain);
        assert_eq!(rebuilt.encode(), payload);

        // ... and with the same choices in its headers the same frame.
        let family = envelope.family();
        let (traffic_class, identification) = match family {
            Family::Inet => (packet[1], u16::from_be_bytes([packet[4], packet[5]])),
            Family::Inet6 => (0, 0),
        };
        let headers = AdvertHeaders {
            source_mac: MacAddress(frame[6..12].try_into().unwrap()),
            destination_mac: family.group_mac(),
            endpoints: Endpoints::new(envelope.source, envelope.destination).unwrap(),
            traffic_class,
            identification,
        };
        assert_eq!(*advert_frame(&headers, &rebuilt.encode()), *frame);
        Some((family, advert))
    }
}

#[test]
fn another_configuration_does_not_verify() {
    let frames = frames_of("netbsd-dual-stack.pcap");
    let adverts: Vec<_> = frames
        .iter()
        .filter_map(|frame| decode_ip_packet(&frame[ETHERNET..]).ok())
        .map(|(_, payload)| Advertisement::decode(payload).unwrap())
        .collect();
    let wrong = [
        ("sharedsecret", 99, "192.0.2.10 2001:db8::10"),
        (PASSWORD, 98, "192.0.2.10 2001:db8::10"),
        (PASSWORD, 99, "192.0.2.10"),
        (PASSWORD, 99, "2001:db8::10"),
        (PASSWORD, 99, "192.0.2.11 2001:db8::10"),
        (PASSWORD, 99, ""),
    ];

    assert_eq!(adverts.len(), 10);
    for (password, vhid, text) in wrong {
        let authenticator = authenticator(password, vhid, text);
        for advert in &adverts {
            let form = authenticator.verify(advert.counter, &advert.digest);
            assert_eq!(form, None, "{password} {vhid} {:?}", addresses(text));
        }
    }
}
