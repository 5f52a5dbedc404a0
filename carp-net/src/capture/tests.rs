//! Files made byte by byte, read in pieces of every size.

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use super::{Capture, CaptureError};

/// A packet as a test expects it: nanoseconds after the epoch, interface, link type, length, bytes.
type Expected<'a> = (Option<u64>, Option<&'a str>, u16, u32, &'a [u8]);

/// Reads all of a file, a piece at a time.
fn read_in(piece: usize, file: &[u8]) -> Result<Vec<String>, CaptureError> {
    let mut capture = Capture::new(Pieces(file, piece))?;
    let of_all = capture.link_type();
    let mut packets = Vec::new();
    while let Some(packet) = capture.next_packet()? {
        assert_eq!(packet.link_type, of_all.unwrap_or(packet.link_type));
        assert_eq!(packet.number, packets.len() as u64 + 1);
        let time = packet.time.map(|time| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            u64::try_from(since.as_nanos()).unwrap()
        });
        let found: Expected<'_> = (
            time,
            packet.interface,
            packet.link_type,
            packet.length,
            packet.bytes,
        );
        packets.push(format!("{found:?}"));
    }
    // It goes on saying so.
    assert!(capture.next_packet()?.is_none());
    Ok(packets)
}

fn assert_packets(file: &[u8], expected: &[Expected<'_>]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|packet| format!("{packet:?}"))
        .collect();
    for piece in [1, 7, usize::MAX] {
        assert_eq!(read_in(piece, file).unwrap(), expected);
    }
}

fn assert_error(file: &[u8], expected: &str) {
    for piece in [1, usize::MAX] {
        assert_eq!(read_in(piece, file).unwrap_err().to_string(), expected);
    }
}

/// Hands out a slice in pieces, as a pipe does.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(buffer.len());
        self.0.read(&mut buffer[..length])
    }
}

// ---- pcap ----

#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn word(self, number: u32) -> [u8; 4] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }

    fn half(self, number: u16) -> [u8; 2] {
        match self {
            Self::Big => number.to_be_bytes(),
            Self::Little => number.to_le_bytes(),
        }
    }
}

fn pcap_header(order: Order, magic: u32, link_type: u32) -> Vec<u8> {
    let version = [order.half(2), order.half(4)].concat();
    let words = [0, 0, 262_144, link_type].map(|word| order.word(word));
    [&order.word(magic)[..], &version, words.as_flattened()].concat()
}

fn pcap_packet(order: Order, time: (u32, u32), length: u32, bytes: &[u8]) -> Vec<u8> {
    let captured = u32::try_from(bytes.len()).unwrap();
    let words = [time.0, time.1, captured, length].map(|word| order.word(word));
    [words.as_flattened(), bytes].concat()
}

#[test]
fn pcap_of_either_order_and_precision() {
    for order in [Order::Big, Order::Little] {
        for (magic, nanoseconds) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1)] {
            let file = [
                pcap_header(order, magic, 1),
                pcap_packet(order, (1_700_000_000, 5), 3, b"abc"),
                pcap_packet(order, (1_700_000_001, 999_999), 1500, b""),
            ]
            .concat();
            let second = 1_700_000_001_000_000_000 + 999_999 * nanoseconds;
            assert_packets(
                &file,
                &[
                    (
                        Some(1_700_000_000_000_000_000 + 5 * nanoseconds),
                        None,
                        1,
                        3,
                        b"abc",
                    ),
                    (Some(second), None, 1, 1500, b""),
                ],
            );
        }
    }
}

#[test]
fn modified_pcap_has_longer_headers() {
    let mut packet = pcap_packet(Order::Little, (1, 0), 3, b"abc");
    packet.splice(16..16, [0xa5; 8]);
    let file = [pcap_header(Order::Little, 0xa1b2_cd34, 113), packet].concat();
    assert_packets(&file, &[(Some(1_000_000_000), None, 113, 3, b"abc")]);
}

#[test]
fn length_of_a_frame_check_sequence_is_no_link_type() {
    let file = [
        pcap_header(Order::Big, 0xa1b2_c3d4, 0x4400_0114),
        pcap_packet(Order::Big, (0, 0), 0, b""),
    ]
    .concat();
    assert_eq!(Capture::new(&file[..]).unwrap().link_type(), Some(276));
    assert_packets(&file, &[(Some(0), None, 276, 0, b"")]);
}

#[test]
fn packet_longer_than_a_read() {
    let bytes = vec![0x5a; 300_000];
    let file = [
        pcap_header(Order::Little, 0xa1b2_c3d4, 1),
        pcap_packet(Order::Little, (0, 0), 300_000, &bytes),
    ]
    .concat();
    assert_packets(&file, &[(Some(0), None, 1, 300_000, &bytes)]);
}

#[test]
fn fraction_of_more_than_a_second_is_added() {
    let file = [
        pcap_header(Order::Little, 0xa1b2_c3d4, 1),
        pcap_packet(Order::Little, (u32::MAX, u32::MAX), 0, b""),
    ]
    .concat();
    let time = u64::from(u32::MAX) * 1_000_001_000;
    assert_packets(&file, &[(Some(time), None, 1, 0, b"")]);
}

// ---- pcapng ----

fn block(order: Order, kind: u32, content: &[u8]) -> Vec<u8> {
    let padding = vec![0; content.len().next_multiple_of(4) - content.len()];
    let length = order.word(u32::try_from(content.len() + padding.len() + 12).unwrap());
    [&order.word(kind)[..], &length, content, &padding, &length].concat()
}

fn section(order: Order) -> Vec<u8> {
    let magic = order.word(0x1a2b_3c4d);
    let version = [order.half(1), order.half(0)].concat();
    let content = [&magic[..], &version, &[0xff; 8]].concat();
    block(order, 0x0a0d_0d0a, &content)
}

fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    [&order.half(code)[..], &order.half(length), value, &padding].concat()
}

fn interface(order: Order, link_type: u16, snap_length: u32, options: &[Vec<u8>]) -> Vec<u8> {
    let content = [
        &order.half(link_type)[..],
        &[0, 0],
        &order.word(snap_length),
        &options.concat(),
        &order.half(0),
        &order.half(0),
    ]
    .concat();
    block(order, 1, &content)
}

fn enhanced(order: Order, interface: u32, ticks: u64, length: u32, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = [ticks >> 32, ticks & 0xffff_ffff].map(|word| u32::try_from(word).unwrap());
    let captured = u32::try_from(bytes.len()).unwrap();
    let words = [interface, high, low, captured, length].map(|word| order.word(word));
    block(order, 6, &[words.as_flattened(), bytes].concat())
}

#[test]
fn pcapng_of_either_order_with_several_sections() {
    let of = |order| {
        [
            section(order),
            interface(order, 1, 0, &[option(order, 2, b"vmx0")]),
            // Name resolution and statistics are read over.
            block(order, 4, b"\0\0\0\0"),
            enhanced(order, 0, 1_700_000_000_000_005, 3, b"abc"),
            interface(order, 276, 0, &[]),
            block(order, 5, &[0; 12]),
            enhanced(order, 1, 7, 90, b"defg"),
        ]
        .concat()
    };
    let file = [of(Order::Little), of(Order::Big)].concat();
    let first: Expected<'_> = (Some(1_700_000_000_000_005_000), Some("vmx0"), 1, 3, b"abc");
    let second: Expected<'_> = (Some(7_000), None, 276, 90, b"defg");
    assert_packets(&file, &[first, second, first, second]);
}

#[test]
fn time_of_pcapng_in_its_units() {
    for order in [Order::Big, Order::Little] {
        let offset = |seconds: i64| match order {
            Order::Big => option(order, 14, &seconds.to_be_bytes()),
            Order::Little => option(order, 14, &seconds.to_le_bytes()),
        };
        let unit = |exponent: u8| option(order, 9, &[exponent]);
        let second = 1_000_000_000;
        for (options, ticks, expected) in [
            (vec![unit(9)], 3 * second + 1, Some(3 * second + 1)),
            (vec![unit(0)], 3, Some(3 * second)),
            (vec![unit(0x80 | 1)], 3, Some(second + second / 2)),
            (vec![unit(0x80 | 32)], 1 << 31, Some(second / 2)),
            (vec![unit(19)], u64::MAX, Some(1_844_674_407)),
            (vec![offset(100)], 1, Some(100 * second + 1_000)),
            (vec![unit(0), offset(-2)], 3, Some(second)),
            // What cannot be told is not.
            (vec![unit(0), offset(-4)], 3, None),
            (vec![unit(0)], u64::MAX, None),
            (vec![unit(20)], 3, None),
            (vec![unit(0x80 | 64)], 3, None),
        ] {
            let file = [
                section(order),
                interface(order, 1, 0, &options),
                enhanced(order, 0, ticks, 0, b""),
            ]
            .concat();
            assert_packets(&file, &[(expected, None, 1, 0, b"")]);
        }
    }
}

#[test]
fn simple_packet_is_of_the_first_interface() {
    for (snap_length, expected) in [(0, &b"abcde"[..]), (3, b"abc"), (100, b"abcde")] {
        let packet = [&5_u32.to_le_bytes()[..], b"abcde"].concat();
        let file = [
            section(Order::Little),
            interface(Order::Little, 101, snap_length, &[]),
            interface(Order::Little, 1, 0, &[]),
            block(Order::Little, 3, &packet),
        ]
        .concat();
        assert_packets(&file, &[(None, None, 101, 5, expected)]);
    }
}

#[test]
fn name_that_is_no_text_is_none() {
    let file = [
        section(Order::Little),
        interface(Order::Little, 1, 0, &[option(Order::Little, 2, b"vmx\xff")]),
        enhanced(Order::Little, 0, 0, 0, b""),
    ]
    .concat();
    assert_packets(&file, &[(Some(0), None, 1, 0, b"")]);
}

// ---- what cannot be read ----

#[test]
fn what_is_no_capture_is_said_to_be_none() {
    let none = "neither a pcap nor a pcapng file";
    assert_error(b"", "empty: not even the header of a capture file");
    for file in [&b"\xd4"[..], b"\xd4\xc3\xb2", b"hello", &[0; 100]] {
        assert_error(file, none);
    }
    assert_error(
        b"\x1f\x8b\x08\0\0",
        "compressed with gzip: decompress it first",
    );
    assert_error(
        b"\x28\xb5\x2f\xfd",
        "compressed with zstd: decompress it first",
    );
    let other = [
        &pcap_header(Order::Big, 0xa1b2_c3d4, 1)[..4],
        &[0, 3],
        &[0; 18],
    ]
    .concat();
    assert_error(
        &other,
        "damaged before the end of the first packet: a version of the format other than 2",
    );
}

#[test]
fn file_that_was_cut_off_is_told_from_one_that_ends() {
    for order in [Order::Big, Order::Little] {
        let pcap = [
            pcap_header(order, 0xa1b2_c3d4, 1),
            pcap_packet(order, (0, 0), 3, b"abc"),
            pcap_packet(order, (0, 0), 3, b"def"),
        ];
        let pcapng = [
            section(order),
            interface(order, 1, 0, &[]),
            enhanced(order, 0, 0, 3, b"abc"),
            enhanced(order, 0, 0, 3, b"def"),
        ];
        for parts in [&pcap[..], &pcapng] {
            let ends: Vec<usize> = (1..=parts.len())
                .map(|count| parts[..count].concat().len())
                .collect();
            let file = parts.concat();
            for length in 4..file.len() {
                let whole = ends.iter().filter(|end| **end <= length).count();
                let expected = whole.saturating_sub(parts.len() - 2);
                match read_in(usize::MAX, &file[..length]) {
                    Ok(packets) => {
                        assert!(ends.contains(&length), "{length}");
                        assert_eq!(packets.len(), expected);
                    }
                    Err(CaptureError::Truncated { packets }) => {
                        assert!(!ends.contains(&length), "{length}");
                        assert_eq!(packets, expected as u64);
                    }
                    Err(error) => panic!("{length}: {error}"),
                }
            }
        }
    }
    let file = [pcap_header(Order::Big, 0xa1b2_c3d4, 1), vec![0]].concat();
    assert_error(&file, "cut off before the end of the first packet");
}

#[test]
fn damage_is_told_with_its_place() {
    let head = [
        section(Order::Little),
        interface(Order::Little, 1, 0, &[]),
        enhanced(Order::Little, 0, 0, 3, b"abc"),
    ]
    .concat();
    let mut contradicting = enhanced(Order::Little, 0, 0, 3, b"abc");
    contradicting[20] = 200;
    let mut orderless = section(Order::Little);
    orderless[8] = 0;
    for (block, reason) in [
        (
            enhanced(Order::Little, 1, 0, 3, b"abc"),
            "a packet of an interface that was not described",
        ),
        (contradicting, "a block whose content does not fit it"),
        (
            [6, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0].to_vec(),
            "a block that is shorter than its header",
        ),
        (orderless, "a section without an order of bytes"),
        (
            block(Order::Little, 2, &[0; 20]),
            "a packet block of before 2010",
        ),
        (
            [6, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0].to_vec(),
            "what follows is said to be longer than 16 MiB",
        ),
    ] {
        let file = [&head[..], &block].concat();
        assert_error(&file, &format!("damaged behind packet 1: {reason}"));
    }
    let file = [
        pcap_header(Order::Little, 0xa1b2_c3d4, 1),
        pcap_packet(Order::Little, (0, 0), 3, b"abc"),
        [0xff; 16].to_vec(),
    ]
    .concat();
    assert_error(
        &file,
        "damaged behind packet 1: what follows is said to be longer than 16 MiB",
    );
}

#[test]
fn input_that_fails_fails() {
    struct Broken(Vec<u8>);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.as_slice() {
                [] => Err(io::Error::from_raw_os_error(5)),
                bytes => {
                    let read = Read::read(&mut &*bytes, buffer)?;
                    self.0.drain(..read);
                    Ok(read)
                }
            }
        }
    }
    for length in [0, 24] {
        let mut header = pcap_header(Order::Little, 0xa1b2_c3d4, 1);
        header.truncate(length);
        let read = Capture::new(Broken(header)).and_then(|mut capture| {
            capture.next_packet()?;
            Ok(())
        });
        let error = read.unwrap_err();
        assert!(matches!(error, CaptureError::Io(_)), "{error}");
    }
}

#[test]
fn time_that_the_system_cannot_tell_is_none() {
    assert!(super::after_epoch(Duration::MAX).is_none());
}
