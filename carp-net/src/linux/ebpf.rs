//! The `bpf` system call, as much of it as small programs need: a map of numbers, which they share
//! with this process.
//!
//! Making them takes `CAP_BPF`, using them does not: the numbers are written through memory that is
//! shared with the kernel, so that a process can have them from another that still had the right.
#![expect(
    unsafe_code,
    reason = "no library wraps the call; each block says why it is sound"
)]

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Numbers that a program can read: `BPF_MAP_TYPE_ARRAY`, in the memory of this process too.
#[derive(Debug)]
pub(super) struct Numbers {
    map: OwnedFd,
    /// `LENGTH` of them.
    memory: NonNull<AtomicU64>,
}

/// A program in the kernel.
#[derive(Debug)]
pub(super) struct Program(OwnedFd);

impl Numbers {
    /// How many there are.
    pub(super) const LENGTH: u32 = 4_096;

    /// Numbers that are 0.
    ///
    /// # Errors
    ///
    /// Where the kernel has no `bpf`, or does not let the caller (`CAP_BPF`).
    pub(super) fn new() -> io::Result<Self> {
        let mut attributes = Attributes::default();
        let (key, value) = (4, 8);
        attributes
            .word(ARRAY)
            .word(key)
            .word(value)
            .word(Self::LENGTH)
            .word(SHARED_MEMORY);
        Self::over(attributes.descriptor(MAP_CREATE)?)
    }

    /// Those that another process has made.
    ///
    /// # Errors
    ///
    /// Where `map` is something else.
    pub(super) fn of(map: OwnedFd) -> io::Result<Self> {
        let length = Self::LENGTH.to_string();
        let flags = format!("{SHARED_MEMORY:#x}");
        let facts = [
            ("map_type", "2"),
            ("value_size", "8"),
            ("max_entries", &length),
            ("map_flags", &flags),
        ];
        must_be(&map, &facts)?;
        Self::over(map)
    }

    fn over(map: OwnedFd) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let anywhere = std::ptr::null_mut();
        // SAFETY: the kernel chooses a place where nothing is.
        let memory = unsafe { mmap(anywhere, BYTES, access, MapFlags::SHARED, &map, 0) }?;
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { map, memory })
    }

    /// Makes the number at `place` `value`; does nothing beyond the last. No lock is taken.
    pub(super) fn set(&self, place: u32, value: u64) {
        if place < Self::LENGTH {
            // SAFETY: the memory holds so many, one behind the other.
            let number = unsafe { self.memory.add(place as usize) };
            // SAFETY: it is aligned, and there until this goes.
            let number = unsafe { number.as_ref() };
            number.store(value, Ordering::Release);
        }
    }

    /// The number at `place`; 0 beyond the last.
    pub(super) fn get(&self, place: u32) -> u64 {
        if place >= Self::LENGTH {
            return 0;
        }
        // SAFETY: the memory holds so many, one behind the other.
        let number = unsafe { self.memory.add(place as usize) };
        // SAFETY: it is aligned, and there until this goes.
        unsafe { number.as_ref() }.load(Ordering::Acquire)
    }

    /// Its descriptor, for an instruction that loads it.
    pub(super) fn as_raw(&self) -> RawFd {
        self.map.as_raw_fd()
    }
}

// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Numbers {}
// SAFETY: the numbers are atomic.
unsafe impl Sync for Numbers {}

impl Drop for Numbers {
    fn drop(&mut self) {
        // SAFETY: nothing refers to this memory any more.
        let unmapped = unsafe { munmap(self.memory.as_ptr().cast(), BYTES) };
        if let Err(error) = unmapped {
            tracing::debug!(%error, "shared memory stays");
        }
    }
}

impl AsFd for Numbers {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Looks whether what the kernel tells of a descriptor has these `facts`. This takes no right, other
/// than asking the descriptor itself.
fn must_be(descriptor: &OwnedFd, facts: &[(&str, &str)]) -> io::Result<()> {
    let file = format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd());
    let told = fs::read_to_string(file)?;
    let is_told = |(name, value): &(&str, &str)| {
        told.lines()
            .any(|line| line.split_once(":\t") == Some((*name, *value)))
    };
    if facts.iter().all(is_told) {
        return Ok(());
    }
    Err(io::ErrorKind::InvalidInput.into())
}

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It judges what a socket is to receive.
    SocketFilter = 1,
    /// It judges frames, for `cls_bpf`.
    Classifier = 3,
}

impl Program {
    /// Has the kernel check and take a program.
    ///
    /// # Errors
    ///
    /// As [`Numbers::new`], and where the kernel finds the program wanting.
    pub(super) fn load(purpose: Purpose, instructions: &[u64]) -> io::Result<Self> {
        const LICENCE: &CStr = c"MIT";
        let count = u32::try_from(instructions.len()).unwrap_or(u32::MAX);
        let mut attributes = Attributes::default();
        attributes
            .word(purpose as u32)
            .word(count)
            .address(instructions.as_ptr().cast())
            .address(LICENCE.as_ptr().cast());
        attributes.descriptor(PROG_LOAD).map(Self)
    }

    /// One that another process has loaded.
    ///
    /// # Errors
    ///
    /// Where `program` is something else.
    pub(super) fn of(purpose: Purpose, program: OwnedFd) -> io::Result<Self> {
        must_be(&program, &[("prog_type", &(purpose as u32).to_string())])?;
        Ok(Self(program))
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
const PROG_LOAD: libc::c_int = 5;
const ARRAY: u32 = 2;
/// `BPF_F_MMAPABLE`.
const SHARED_MEMORY: u32 = 1 << 10;

const BYTES: usize = size_of::<AtomicU64>() * Numbers::LENGTH as usize;

/// `struct bpf_insn`: what to do, with which registers, where to go, with which number.
pub(super) const fn code(code: u8, destination: u8, source: u8, offset: i16, number: i32) -> u64 {
    let registers = if cfg!(target_endian = "little") {
        source << 4 | destination
    } else {
        destination << 4 | source
    };
    let [o0, o1] = offset.to_ne_bytes();
    let [n0, n1, n2, n3] = number.to_ne_bytes();
    u64::from_ne_bytes([code, registers, o0, o1, n0, n1, n2, n3])
}

// Of `linux/bpf.h` and `linux/bpf_common.h`: BPF_LD, BPF_LDX, BPF_STX, BPF_ALU64 and BPF_JMP.
pub(super) const LOAD_MAP: u8 = 0x18;
pub(super) const LOAD_HALF: u8 = 0x28;
pub(super) const LOAD_BYTE: u8 = 0x30;
pub(super) const LOAD_LONG: u8 = 0x79;
pub(super) const LOAD_WORD: u8 = 0x61;
pub(super) const STORE_WORD: u8 = 0x63;
pub(super) const ADD: u8 = 0x07;
pub(super) const MOVE: u8 = 0xbf;
pub(super) const SET: u8 = 0xb7;
pub(super) const IF_EQUAL: u8 = 0x15;
pub(super) const IF_GREATER: u8 = 0x25;
pub(super) const UNLESS_EQUAL: u8 = 0x55;
pub(super) const IF_LESS: u8 = 0xa5;
pub(super) const IF_NOT_ABOVE: u8 = 0xbd;
pub(super) const CALL: u8 = 0x85;
pub(super) const EXIT: u8 = 0x95;
pub(super) const PSEUDO_MAP_FD: u8 = 1;
pub(super) const MAP_LOOKUP_ELEM: i32 = 1;
pub(super) const KTIME_GET_BOOT_NS: i32 = 125;
pub(super) const KTIME_GET_NS: i32 = 5;
pub(super) const LOAD_BYTE_BEHIND: u8 = 0x50;
pub(super) const STORE_LONG: u8 = 0x7b;
pub(super) const ADD_ATOMICALLY: u8 = 0xdb;
pub(super) const SUBTRACT_REGISTER: u8 = 0x1f;
pub(super) const AND: u8 = 0x57;
pub(super) const SHIFT_LEFT: u8 = 0x67;
pub(super) const SHIFT_RIGHT: u8 = 0x77;
pub(super) const SHIFT_RIGHT_BY: u8 = 0x7f;
pub(super) const IF_SAME: u8 = 0x1d;
pub(super) const IF_LESS_SIGNED: u8 = 0xc5;
