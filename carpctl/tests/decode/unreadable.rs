//! Files that cannot be read, or not to the end.

use std::fs;

use crate::desk::{Desk, capture, hex, ipv4, pcap};
use crate::ran::says;

#[test]
fn files_that_cannot_be_read_are_named_with_the_reason() {
    let desk = Desk::new();
    let directory = desk.directory.path().display().to_string();
    let empty = desk.write("empty", b"");
    let text = desk.write("text", b"hello, world\n");
    let gzip = desk.write("x.pcap.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    let wireless = desk.write("wireless", &pcap(105, &[(&[0; 40], None)]));
    for (file, reason) in [
        ("/nonexistent", "No such file or directory (os error 2)"),
        (&directory, "Is a directory (os error 21)"),
        (&empty, "empty: not even the header of a capture file"),
        (&text, "neither a pcap nor a pcapng file"),
        (&gzip, "compressed with gzip: decompress it first"),
        (
            &wireless,
            "link type 105 is not read (allowed: loopback, Ethernet, raw IP, Linux cooked, \
             Linux cooked v2)",
        ),
    ] {
        let expected = format!("carpctl: decode: {file}: {reason}\n");
        assert_eq!(desk.run(&format!("decode {file}")), says(1, "", &expected));
    }
    let expected =
        "carpctl: decode: standard input: empty: not even the header of a capture file\n";
    assert_eq!(desk.run("decode -"), says(1, "", expected));
    let key = format!("decode {text} passfile /nonexistent 192.0.2.10");
    let expected = "carpctl: decode: /nonexistent: No such file or directory (os error 2)\n";
    assert_eq!(desk.run(&key), says(1, "", expected));
}

#[test]
fn capture_that_was_cut_off_is_shown_as_far_as_it_goes() {
    let desk = Desk::new();
    let mut bytes = fs::read(capture("netbsd-v4-one-address.pcap")).unwrap();
    bytes.pop();
    let file = desk.write("x.pcap", &bytes);
    let ran = desk.run(&format!("decode {file}"));
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.out.lines().count(), 4);
    assert_eq!(
        ran.err,
        format!("carpctl: decode: {file}: cut off behind packet 10\n")
    );
}

#[test]
fn packets_that_were_cut_off_are_counted() {
    let desk = Desk::new();
    let advert = hex("210100070001eb9c0123456789abcdef970ac72a81aec723c00bb39424e26d348f6e1907");
    let packet = ipv4(&advert);
    let mut udp = packet.clone();
    udp[9] = 17;
    let file = pcap(
        101,
        &[
            (&packet, None),
            // In the advert; in the header; behind what tells that it is something else.
            (&packet[..55], Some(56)),
            (&packet[..9], Some(56)),
            (&udp[..20], Some(56)),
            // Behind the advert.
            (&packet, Some(60)),
        ],
    );
    let file = desk.write("x.pcap", &file);
    let ran = desk.run(&format!("decode {file}"));
    assert_eq!((ran.code, ran.out.lines().count()), (Some(1), 2));
    let expected = format!(
        "carpctl: decode: {file}: 2 packets were cut off too early when captured (128 bytes will \
         do; tcpdump -s 0)\n"
    );
    assert_eq!(ran.err, expected);
}

#[test]
fn pcapng_packets_of_other_link_types_are_counted() {
    let desk = Desk::new();
    let mut bytes = fs::read(capture("netbsd-dual-stack.pcapng")).unwrap();
    // An interface of IEEE 802.11, and a packet of it.
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|it| it.to_le_bytes())
            .collect::<Vec<_>>()
    };
    bytes.extend(words(&[1, 20, 105, 0, 20]));
    bytes.extend(words(&[6, 36, 1, 0, 0, 4, 4, 0, 36]));
    let file = desk.write("x.pcapng", &bytes);
    let ran = desk.run(&format!("decode {file}"));
    assert_eq!((ran.code, ran.out.lines().count()), (Some(1), 10));
    let expected = format!(
        "carpctl: decode: {file}: 1 packet was left out for a link type that is not read \
         (allowed: loopback, Ethernet, raw IP, Linux cooked, Linux cooked v2)\n"
    );
    assert_eq!(ran.err, expected);
}
