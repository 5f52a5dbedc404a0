//! Where the password comes from, and where it is not to be seen.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::desk::{Desk, capture, hex, ipv4, pcap};
use crate::ran::{ran, says};

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
