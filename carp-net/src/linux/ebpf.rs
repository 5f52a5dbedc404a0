//! The `bpf` system call, as much of it as one small program needs: a map of one number, which the
//! program reads and this process writes.
#![expect(
    unsafe_code,
    reason = "no library wraps the call; each block says why it is sound"
)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// A number that a program can read: `BPF_MAP_TYPE_ARRAY` with one entry.
#[derive(Debug)]
pub(super) struct Number(OwnedFd);

/// A program in the kernel.
#[derive(Debug)]
pub(super) struct Program(OwnedFd);

impl Number {
    /// A number that is 0.
    ///
    /// # Errors
    ///
    /// Where the kernel has no `bpf`, or does not let the caller (`CAP_BPF`).
    pub(super) fn new() -> io::Result<Self> {
        let mut attributes = Attributes::default();
        attributes.word(ARRAY).word(4).word(8).word(1);
        attributes.descriptor(MAP_CREATE).map(Self)
    }

    /// Makes it `value`, which takes no lock of the kernel's that anybody holds for long.
    pub(super) fn set(&self, value: u64) -> io::Result<()> {
        let key = 0_u32;
        let mut attributes = Attributes::default();
        attributes
            .fd(self.0.as_fd())
            .word(0)
            .address((&raw const key).cast())
            .address((&raw const value).cast());
        attributes.call(MAP_UPDATE_ELEM).map(drop)
    }

    /// Its descriptor, for an instruction that loads it.
    pub(super) fn as_raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Program {
    /// Has the kernel check and take a program for `cls_bpf`.
    ///
    /// # Errors
    ///
    /// As [`Number::new`], and where the kernel finds the program wanting.
    pub(super) fn load(instructions: &[u64]) -> io::Result<Self> {
        const LICENCE: &CStr = c"MIT";
        let count = u32::try_from(instructions.len()).unwrap_or(u32::MAX);
        let mut attributes = Attributes::default();
        attributes
            .word(SCHED_CLS)
            .word(count)
            .address(instructions.as_ptr().cast())
            .address(LICENCE.as_ptr().cast());
        attributes.descriptor(PROG_LOAD).map(Self)
    }

    pub(super) fn as_raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// `union bpf_attr`, as long as it is for the commands used here; what is beyond the last field
/// that is set is 0, as the kernel wants it.
#[derive(Debug, Default)]
#[repr(C, align(8))]
struct Attributes {
    words: [u32; 32],
    length: usize,
}

impl Attributes {
    fn word(&mut self, word: u32) -> &mut Self {
        if let Some(slot) = self.words.get_mut(self.length) {
            *slot = word;
            self.length += 1;
        }
        self
    }

    fn fd(&mut self, fd: BorrowedFd<'_>) -> &mut Self {
        self.word(fd.as_raw_fd().cast_unsigned())
    }

    /// The address of something that must be there until the call. The kernel reads through the
    /// number alone, so its provenance is exposed.
    fn address(&mut self, address: *const u8) -> &mut Self {
        let bytes = (address.expose_provenance() as u64).to_ne_bytes();
        let (words, _) = bytes.as_chunks::<4>();
        for word in words {
            self.word(u32::from_ne_bytes(*word));
        }
        self
    }

    fn call(&self, command: libc::c_int) -> io::Result<RawFd> {
        let attributes: *const [u32; 32] = &raw const self.words;
        // SAFETY: `attributes` points to as many bytes as are said; what they point to in turn is
        // alive in the caller, and its provenance is exposed; the kernel writes to none of it.
        let done =
            unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<[u32; 32]>()) };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        RawFd::try_from(done).map_err(io::Error::other)
    }

    fn descriptor(&self, command: libc::c_int) -> io::Result<OwnedFd> {
        let fd = self.call(command)?;
        // SAFETY: the command gave a new descriptor, which is nobody else's.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

/// Of `linux/bpf.h`.
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const ARRAY: u32 = 2;
const SCHED_CLS: u32 = 3;
