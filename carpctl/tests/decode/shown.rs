//! What is shown and what is not, and what the words may be.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use crate::desk::{Desk, capture, hex, ipv4, pcap};
use crate::ran::{ran, says};

#[test]
fn only_adverts_are_shown_and_malformed_ones_are_told() {
    let desk = Desk::new();
    let advert = hex("210100070001eb9c0123456789abcdef970ac72a81aec723c00bb39424e26d348f6e1907");
    let vrrp = hex("210164010001ba52c000020a0000000000000000");
    let mut udp = ipv4(&advert);
    udp[9] = 17;
    let mut far = ipv4(&advert);
    far[8] = 1;
    let packets = [
        udp,
        ipv4(&advert),
        ipv4(&vrrp),
        ipv4(&advert[..35]),
        far,
        vec![0x45],
        Vec::new(),
    ];
    let packets: Vec<_> = packets.iter().map(|packet| (&packet[..], None)).collect();
    let file = desk.write("x.pcap", &pcap(101, &packets));

    let shown = "vhid 1 advbase 1 advskew 0 demotion 0 counter 0123456789abcdef checksum ok \
                 digest unverified";
    let expected = format!(
        "1970-01-01T00:00:02.000000Z 192.0.2.2 {shown}\n\
         1970-01-01T00:00:04.000000Z 192.0.2.2 malformed: 35 bytes are too few for an \
         advertisement of 36\n\
         1970-01-01T00:00:05.000000Z 192.0.2.2 {shown} ttl 1 ip-checksum bad\n"
    );
    assert_eq!(desk.run(&format!("decode {file}")), says(0, &expected, ""));
    let objects = desk.objects(&format!("decode {file} --json"));
    let numbers: Vec<_> = objects
        .iter()
        .map(|object| object["packet"].clone())
        .collect();
    assert_eq!(numbers, [2, 4, 5]);
}

#[test]
fn lines_leave_as_packets_come() {
    let desk = Desk::new();
    let bytes = fs::read(capture("netbsd-v4-one-address.pcap")).unwrap();
    let mut child = desk
        .command("decode -")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // Half of the file holds an advert, which is shown before the other half comes.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    stdin.write_all(first).unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains(" vhid 99 "), "{line}");
    stdin.write_all(second).unwrap();
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.lines().count(), 4);
    assert!(child.wait().unwrap().success());
}

#[test]
fn reader_that_went_away_is_no_failure() {
    let desk = Desk::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = desk.command(&format!("decode {}", capture("netbsd-and-ucarp.pcap")));
    command.stdout(writer).stderr(Stdio::piped());
    let ended = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(ran(ended), says(0, "", ""));
}

#[test]
fn words_that_cannot_be_understood_exit_2() {
    let desk = Desk::new();
    for (line, expected) in [
        ("decode", "decode: a capture file must follow"),
        (
            "decode x.pcap advskew 100",
            "decode: `advskew': no digest covers it (allowed: pass, passfile, vhid, lladdr, ADDRESS)",
        ),
        (
            "decode x.pcap 192.0.2.1000",
            "decode: `192.0.2.1000': not an IPv4 or IPv6 address",
        ),
        (
            "decode --jsn x.pcap",
            "decode: `--jsn': unknown option (did you mean `--json'?); see `carpctl decode --help'",
        ),
        (
            "decod x.pcap",
            "decod: unknown command (did you mean `decode'?)",
        ),
    ] {
        let expected = format!("carpctl: {expected}\n");
        assert_eq!(desk.run(line), says(2, "", &expected), "{line}");
    }
}

#[test]
fn help_fits_a_terminal() {
    let desk = Desk::new();
    for line in ["decode --help", "decode -h", "decode x.pcap --help"] {
        let output = desk.command(line).env("COLUMNS", "80").output();
        let ran = ran(output.unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
        assert!(ran.out.contains("passfile FILE"), "{line}");
        let widest = ran.out.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{line}: {widest:?}");
    }
}
