//! CARP on a network: a node of `carp-fsm` joined to a platform.

pub use carp_fsm;

mod backend;
pub use backend::{Backend, Inspection, Packet, Report, Setup, Waker};
mod driver;
pub use driver::Driver;
mod error;
pub use error::{Error, ErrorKind, Result};
mod event;
pub use event::Event;
mod handle;
pub use handle::Handle;
mod key;
pub use key::KeyFile;
#[cfg(all(target_os = "linux", feature = "lab"))]
pub mod lab;
#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(feature = "memory")]
pub mod memory;
