//! What the tests share: bytes from text, and a reader of capture files.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use carp_proto::{Authenticator, Key, Vhid};

/// The password of the vectors of `docs/carp-protocol.md §2.3`.
pub(crate) const PASSWORD: &str = "mekmitasdigoat";

/// The counter of most of those vectors.
pub(crate) const COUNTER: u64 = 0x0123_4567_89ab_cdef;

pub(crate) fn vhid(number: u8) -> Vhid {
    Vhid::new(number).unwrap()
}

/// Parses addresses separated by spaces.
pub(crate) fn addresses(text: &str) -> Vec<IpAddr> {
    text.split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

pub(crate) fn authenticator(password: &str, number: u8, text: &str) -> Authenticator {
    Authenticator::new(&Key::from_password(password), vhid(number), addresses(text))
}

/// Reads hexadecimal digits; white space may stand between bytes.
pub(crate) fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).unwrap())
        .collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

/// Reads the Ethernet frames of a capture in `tests/captures`.
///
/// Classic pcap, little-endian, link type Ethernet: what all the files there are.
pub(crate) fn frames_of(file: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures")
        .join(file);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (header, mut rest) = bytes.split_first_chunk::<24>().unwrap();
    assert_eq!(word(&header[0..]), 0xa1b2_c3d4, "{file}: magic number");
    assert_eq!(word(&header[20..]), 1, "{file}: link type");

    let mut frames = Vec::new();
    while let Some((record, packet)) = rest.split_first_chunk::<16>() {
        let (captured, original) = (word(&record[8..]), word(&record[12..]));
        assert_eq!(captured, original, "{file}: a packet was cut off");
        let (frame, next) = packet.split_at(captured as usize);
        frames.push(frame.to_vec());
        rest = next;
    }
    assert!(rest.is_empty(), "{file}: bytes after the last packet");
    frames
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes.first_chunk().unwrap())
}
