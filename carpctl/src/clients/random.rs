//! Random numbers of the kernel's.

use std::fs::File;
use std::io::{self, Read as _};

/// As many octets as asked for, each as likely as any other.
pub(crate) fn octets<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(octets)
}
