//! A small supervisor: keeps another process running, and what that process must not lose.
//!
//! Two processes, joined by a pair of sockets. The *engine* is any program; it says with a *beat*
//! that it makes progress, and gives the supervisor *records* (bytes by name) and *descriptors*
//! (by name) to keep. The *supervisor* does next to nothing, so that little can go wrong with it.
//! It replaces an engine that crashed, was killed, or stopped beating, by a new one that finds
//! there what the old one left. An engine that ends with exit code 0 has ended on purpose, and so
//! does its supervisor.
//!
//! Nothing here knows of CARP, and an engine needs no supervisor to run.
//!
//! ```no_run
//! use std::os::unix::net::UnixStream;
//! use std::process::Command;
//! use std::time::Duration;
//!
//! use carp_net::supervisor::{Supervised, Supervisor};
//!
//! # fn main() -> carp_net::Result<()> {
//! # let is_engine = false;
//! if is_engine {
//!     let mut supervised = Supervised::from_stdin()?;
//!     let count = supervised.take_record("count"); // what the former engine left
//!     loop {
//!         // … at least every 100 ms:
//!         supervised.beat(Duration::from_millis(400));
//!         supervised.save("count", b"1");
//! #       break;
//!     }
//! } else {
//!     // Something to say with that it is to end, for example from a handler of signals.
//!     let (stop, _says_stop) = UnixStream::pair().expect("two sockets");
//!     let mut supervisor = Supervisor::new(|_| Command::new("/usr/sbin/engine"));
//!     supervisor.run(stop)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Records may hold keys: they are wiped from memory when they are replaced or dropped, on both
//! sides, and nothing here shows them.

mod channel;
mod engine;
mod frame;
pub use frame::{MAX_NAME, MAX_RECORD};
mod keeper;
pub use keeper::{Ended, Seen, Start, Supervisor};
mod kept;
mod patience;
pub use patience::Limits;
mod process;
mod record;
pub use record::Record;
mod supervised;
pub use supervised::{Message, Supervised};

use carp_fsm::Timestamp;

/// The moment it is. CLOCK_BOOTTIME, on which [`Linux`](crate::linux::Linux) counts too.
fn now() -> Timestamp {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let micros = u64::try_from(now.tv_nsec).unwrap_or_default() / 1_000;
    Timestamp::from_micros(seconds * 1_000_000 + micros)
}

#[cfg(test)]
mod tests;
