//! Files to read, and where they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::ran::{Ran, ran};

/// A directory for files of a test.
pub(crate) struct Desk {
    pub(crate) directory: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carpctl"));
        command
            .args(line.split_whitespace())
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        ran(self.command(line).output().unwrap())
    }

    /// The objects that a command shows, which does well.
    pub(crate) fn objects(&self, line: &str) -> Vec<Value> {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
        let lines = ran.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The path of a recorded capture.
pub(crate) fn capture(file: &str) -> String {
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
pub(crate) fn pcap(link_type: u32, packets: &[(&[u8], Option<u32>)]) -> Vec<u8> {
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
pub(crate) fn ipv4(payload: &[u8]) -> Vec<u8> {
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

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap())
        .collect()
}
