//! The system calls that no library wraps, each behind a safe function.
#![expect(
    unsafe_code,
    reason = "the only place for calls of libc; each says why it is sound"
)]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd as _};

/// Sets a socket option that is an `int`.
pub(super) fn set_option(
    socket: impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let value: *const libc::c_int = &raw const value;
    // An int has 4 bytes.
    #[expect(clippy::cast_possible_truncation, reason = "the size of an int")]
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `fd` is open while `socket` is borrowed, and `value` points to `length` bytes.
    let result = unsafe { libc::setsockopt(fd, level, name, value.cast(), length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
