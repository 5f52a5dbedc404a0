//! CARP on a network: a node of `carp-fsm` joined to a platform.

pub use carp_fsm;

mod backend;
pub use backend::{Backend, Inspection, Packet, Report, Setup, Waker};
mod error;
pub use error::{Error, ErrorKind, Result};
