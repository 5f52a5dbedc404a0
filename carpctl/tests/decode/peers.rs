//! What real peers sent.

use serde_json::Value;

use crate::desk::{Desk, capture};

/// A capture, how its sender was configured, and the adverts and bow-outs in it.
struct Recorded {
    file: &'static str,
    password: &'static str,
    addresses: &'static str,
    vhid: u8,
    adverts: usize,
    bow_outs: usize,
}

const RECORDED: [Recorded; 9] = [
    Recorded {
        file: "netbsd-v4-one-address.pcap",
        password: "SharedSecret",
        addresses: "192.0.2.10",
        vhid: 99,
        adverts: 4,
        bow_outs: 1,
    },
    Recorded {
        file: "netbsd-v4-two-addresses.pcap",
        password: "SharedSecret",
        addresses: "192.0.2.10 192.0.2.20",
        vhid: 99,
        adverts: 4,
        bow_outs: 1,
    },
    Recorded {
        file: "netbsd-v4-three-addresses.pcap",
        password: "abc",
        addresses: "192.0.2.200 10.0.0.1 192.0.2.32",
        vhid: 7,
        adverts: 4,
        bow_outs: 1,
    },
    Recorded {
        file: "netbsd-v6-one-address.pcap",
        password: "SharedSecret",
        addresses: "2001:db8::10",
        vhid: 99,
        adverts: 4,
        bow_outs: 1,
    },
    Recorded {
        file: "netbsd-dual-stack.pcap",
        password: "SharedSecret",
        addresses: "192.0.2.10/24 2001:db8::10/64",
        vhid: 99,
        adverts: 8,
        bow_outs: 2,
    },
    Recorded {
        file: "netbsd-dual-stack.pcapng",
        password: "SharedSecret",
        addresses: "2001:db8::10 192.0.2.10",
        vhid: 99,
        adverts: 8,
        bow_outs: 2,
    },
    Recorded {
        file: "netbsd-and-ucarp.pcap",
        password: "SharedSecret",
        addresses: "192.0.2.10",
        vhid: 99,
        adverts: 27,
        bow_outs: 1,
    },
    Recorded {
        file: "ucarp-linux-cooked.pcap",
        password: "SharedSecret",
        addresses: "192.0.2.10",
        vhid: 42,
        adverts: 4,
        bow_outs: 0,
    },
    Recorded {
        file: "ucarp-linux-cooked-v2.pcap",
        password: "SharedSecret",
        addresses: "192.0.2.10",
        vhid: 42,
        adverts: 4,
        bow_outs: 0,
    },
];

#[test]
fn every_capture_decodes_and_verifies() {
    let desk = Desk::new();
    for recorded in &RECORDED {
        let file = recorded.path();
        let key = desk.write("key", format!("{}\n", recorded.password).as_bytes());
        let words = format!("passfile {key} {}", recorded.addresses);

        let ran = desk.run(&format!("decode {file} {words}"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{file}");
        let lines: Vec<&str> = ran.out.lines().collect();
        assert_eq!(lines.len(), recorded.adverts + recorded.bow_outs, "{file}");
        for line in &lines {
            assert!(line.contains(" checksum ok"), "{file}: {line}");
            assert!(line.ends_with(" digest ok"), "{file}: {line}");
            assert!(
                line.contains(&format!(" vhid {} ", recorded.vhid)),
                "{line}"
            );
        }
        let bow_outs = lines.iter().filter(|line| line.contains(" bow-out "));
        assert_eq!(bow_outs.count(), recorded.bow_outs, "{file}");

        let objects = desk.objects(&format!("decode --json {file} {words}"));
        assert_eq!(objects.len(), lines.len());
        for object in &objects {
            assert_eq!(object["checksum"], "ok", "{file}: {object}");
            assert_eq!(object["digest"], "ok", "{file}: {object}");
            assert_eq!(object["vhid"], recorded.vhid, "{file}: {object}");
            assert_eq!(object["ttl"], 255, "{file}: {object}");
            assert_eq!(object["error"], Value::Null, "{file}: {object}");
        }
    }
}

#[test]
fn line_says_what_the_advert_says() {
    let desk = Desk::new();
    let key = desk.write("key", b"SharedSecret\n");
    let file = capture("netbsd-dual-stack.pcap");
    let words = format!("passfile {key} 192.0.2.10 2001:db8::10");
    let ran = desk.run(&format!("decode {file} {words}"));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        (lines[0], lines[1]),
        (
            "2026-11-23T01:20:26.968648Z 192.0.2.2 vhid 99 advbase 1 advskew 0 demotion 0 \
             counter 3d8687b3432db05b checksum ok digest ok",
            "2026-11-23T01:20:26.968684Z fe80::b00a:ff:fe0b:e02 vhid 99 advbase 1 advskew 0 \
             demotion 0 counter a518bbe487c641ea checksum ok (plain) digest ok"
        )
    );
    assert_eq!(
        lines[8],
        "2026-11-23T01:20:30.944545Z 192.0.2.2 vhid 99 advbase 255 advskew 255 bow-out \
         demotion 0 counter 8bfbcbfbfa251dad checksum ok digest ok"
    );
    // The same file in another format says the same, and one of nanoseconds says more.
    let converted = capture("netbsd-dual-stack.pcapng");
    assert_eq!(desk.run(&format!("decode {converted} {words}")), ran);
    let exact = desk.run(&format!("decode {}", capture("ucarp-linux-cooked-v2.pcap")));
    assert!(
        exact
            .out
            .starts_with("2026-11-23T07:59:41.980567383Z 192.0.2.2 vhid 42 ")
    );
}

#[test]
fn digest_that_does_not_fit_is_bad_only_if_all_is_said() {
    let desk = Desk::new();
    let key = desk.write("key", b"SharedSecret\n");
    let other = desk.write("other", b"OtherSecret\n");
    let file = capture("netbsd-dual-stack.pcap");
    let all = "192.0.2.10 2001:db8::10";
    for (words, verdict) in [
        (format!("passfile {key} {all}"), "ok"),
        (format!("vhid 99 passfile {key} {all}"), "ok"),
        (format!("passfile {other} {all}"), "bad"),
        (format!("passfile {key} 192.0.2.10"), "bad"),
        (format!("vhid 98 passfile {key} {all}"), "unverified"),
        (String::new(), "unverified"),
        (format!("passfile {key}"), "unverified"),
        (all.to_owned(), "unverified"),
    ] {
        let objects = desk.objects(&format!("decode {file} --json {words}"));
        assert_eq!(objects.len(), 10);
        assert!(
            objects.iter().all(|object| object["digest"] == verdict),
            "{words}"
        );
    }
}

impl Recorded {
    fn path(&self) -> String {
        capture(self.file)
    }
}
