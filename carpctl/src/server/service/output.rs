//! Writing as much as the other side takes, without waiting for it.

use std::io::{self, Write};

/// Writes what is left of `output` behind the first `written` bytes, and counts it. Returns whether
/// all of it was taken.
pub(super) fn write_on(
    stream: &mut impl Write,
    output: &[u8],
    written: &mut usize,
) -> io::Result<bool> {
    while let Some(rest) = output.get(*written..).filter(|rest| !rest.is_empty()) {
        match stream.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => *written += taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
