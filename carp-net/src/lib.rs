//! CARP on a network: a node of [`carp_fsm`] joined to a platform.
//!
//! A [`Driver`] runs a [`Node`](carp_fsm::Node) on a [`Backend`]: `linux` is the real one,
//! [`memory`] a simulated LAN in virtual time. This is a complete node; with
//! `linux::Linux::open()?` for `lan.node()` it is a real one:
//!
//! ```
//! use carp_net::carp_fsm::carp_proto::{Key, Vhid};
//! use carp_net::carp_fsm::{Node, VirtualHost};
//! use carp_net::{Driver, memory::Lan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lan = Lan::new(42);
//! let web = VirtualHost::new(Vhid::new(99)?, Key::from_password("SharedSecret"))
//!     .advskew(100)?
//!     .address("192.0.2.10/24".parse()?);
//! let mut driver = Driver::new(lan.node(), Node::builder().preempt(true))?;
//! driver.add("carp0", "vmx0", web)?;
//! let handle = driver.handle();
//! driver.run(|event| {
//!     println!("{event}");
//!     if event.to_string().contains("-> MASTER") {
//!         handle.shutdown().expect("the driver runs"); // bows out and hands over
//!     }
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! A key is better read from a file: see [`KeyFile`]. To run the driver inside another loop, see
//! [`Driver`]; to do without one, see [`carp_fsm`].
//!
//! # Features
//!
//! * `memory` (on unless default features are off): [`memory`], a simulated LAN, and
//!   [`simulation`], whole clusters on it, for tests.
//! * `serde`: what a driver [saves](Driver::save) for its successor can be written down. There is
//!   never a key in it.
//! * `lab`: private networks in namespaces, for tests and measurements. Linux only.
//! * `capture`: reading pcap and pcapng files.
//!
//! `linux` and `supervisor` are there on Linux without any feature; the others need nothing but
//! Unix.

pub use carp_fsm;

mod backend;
pub use backend::{Backend, Inspection, Packet, Report, Setup, UNWATCHED, Waker};
#[cfg(feature = "capture")]
pub mod capture;
mod driver;
pub use driver::{Driver, Refused, SavedDriver, SavedInterface};
mod error;
pub use error::{Error, ErrorKind, Result};
mod event;
pub use event::Event;
mod handle;
pub use handle::Handle;
mod index;
mod key;
pub use key::KeyFile;
mod outgoing;
pub use outgoing::Outgoing;
#[cfg(all(target_os = "linux", feature = "lab"))]
pub mod lab;
#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "memory")]
pub mod simulation;
#[cfg(target_os = "linux")]
pub mod supervisor;
