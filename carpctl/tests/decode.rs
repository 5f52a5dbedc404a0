//! `carpctl decode` with the real binary, on captures of real peers and on files that are none.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

mod ran;
use ran::{Ran, ran, says};

// ---- what real peers sent ----

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

// ---- passwords ----

#[test]
fn password_comes_from_anywhere_but_the_capture() {
    let desk = Desk::new();
    let file = capture("netbsd-v4-one-address.pcap");
    let key = desk.write("key", b"SharedSecret\n");
    let expected = desk.run(&format!("decode {file} passfile {key} 192.0.2.10"));
    assert!(expected.out.contains("digest ok"));

    // On the command line, from which it is taken at once, as `pass -` shows.
    let told = desk.run(&format!("decode {file} pass SharedSecret 192.0.2.10"));
    assert_eq!(told, expected);
    let mut command = desk.command(&format!("decode {file} pass - 192.0.2.10"));
    command.stdin(fs::File::open(&key).unwrap());
    assert_eq!(ran(command.output().unwrap()), expected);

    let mut command = desk.command(&format!("decode - passfile {key} 192.0.2.10"));
    command.stdin(fs::File::open(&file).unwrap());
    assert_eq!(ran(command.output().unwrap()), expected);

    let refusal = "carpctl: decode: `pass': standard input is the capture: use `passfile'\n";
    for words in ["pass -", "pass SharedSecret"] {
        let ran = desk.run(&format!("decode - {words}"));
        assert_eq!(ran, says(2, "", refusal));
    }
    let long = desk.run(&format!(
        "decode {file} pass abcdefghijklmnopqrst 192.0.2.10"
    ));
    let note = "carpctl: decode: only the first 19 bytes of the password count, as on OpenBSD\n";
    assert_eq!((long.code, long.err.as_str()), (Some(0), note));
}

#[test]
fn password_leaves_the_command_line_before_the_capture_is_opened() {
    let desk = Desk::new();
    let pipe = desk.directory.path().join("x.pcap").display().to_string();
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mut command = desk.command(&format!("decode {pipe} pass SharedSecret 192.0.2.10"));
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    // Opened when the other side is, too.
    let mut writer = fs::File::options().write(true).open(&pipe).unwrap();
    let words = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    let words = String::from_utf8(words).unwrap();
    assert!(words.ends_with("\0pass\0-\x00192.0.2.10\0"), "{words:?}");
    let bytes = fs::read(capture("netbsd-v4-one-address.pcap")).unwrap();
    writer.write_all(&bytes).unwrap();
    drop(writer);
    let output = child.wait_with_output().unwrap();
    assert_eq!(ran(output).out.matches("digest ok").count(), 5);
}

#[test]
fn host_without_a_password_verifies_without_one() {
    // V4 of docs/carp-protocol.md §2.3, a bow-out.
    let desk = Desk::new();
    let advert = hex("21feff0780ff20caffffffffffffffffb6a0d8fa3de0d9cbe078d28811cd8b10dfb56653");
    let file = desk.write("x.pcap", &pcap(101, &[(&ipv4(&advert), None)]));
    let mut command = desk.command(&format!("decode {file} pass"));
    command.args(["", "192.0.2.10"]);
    for command in [
        &mut command,
        &mut desk.command(&format!("decode {file} 192.0.2.10")),
    ] {
        let expected = "1970-01-01T00:00:01.000000Z 192.0.2.2 vhid 254 advbase 255 advskew 255 \
                        bow-out demotion 128 counter ffffffffffffffff checksum ok digest ok\n";
        assert_eq!(ran(command.output().unwrap()), says(0, expected, ""));
    }
}

// ---- what is shown and what is not ----

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

// ---- what cannot be read ----

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

// ---- files to read, and where they are ----

/// A directory for files of a test.
struct Desk {
    directory: TempDir,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    /// Writes a file, and returns its path.
    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carpctl"));
        command
            .args(line.split_whitespace())
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ran {
        ran(self.command(line).output().unwrap())
    }

    /// The objects that a command shows, which does well.
    fn objects(&self, line: &str) -> Vec<Value> {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
        let lines = ran.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Recorded {
    fn path(&self) -> String {
        capture(self.file)
    }
}

/// The path of a recorded capture.
fn capture(file: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["tests/captures", "../carp-proto/tests/captures"];
    let path: PathBuf = places
        .iter()
        .map(|place| here.join(place).join(file))
        .find(|path| path.exists())
        .unwrap();
    path.display().to_string()
}

/// Makes a capture of packets, with the length they had where that was more, a second apart.
fn pcap(link_type: u32, packets: &[(&[u8], Option<u32>)]) -> Vec<u8> {
    let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0, link_type];
    let mut file = header.map(u32::to_le_bytes).as_flattened().to_vec();
    for (second, (packet, length)) in (1..).zip(packets) {
        let captured = u32::try_from(packet.len()).unwrap();
        let header = [second, 0, captured, length.unwrap_or(captured)];
        file.extend(header.map(u32::to_le_bytes).as_flattened());
        file.extend(*packet);
    }
    file
}

/// Puts an IPv4 header with a right checksum in front of a payload.
fn ipv4(payload: &[u8]) -> Vec<u8> {
    let mut header = hex("4510000000004000ff700000c0000202e0000012");
    let length = u16::try_from(payload.len() + header.len()).unwrap();
    header[2..4].copy_from_slice(&length.to_be_bytes());
    let words = header
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [&header, payload].concat()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap())
        .collect()
}
