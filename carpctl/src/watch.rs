//! Watching the service: what happens, as it happens (`carpctl monitor`), and waiting for it
//! (`carpctl wait`).
//!
//! The service tells facts; what people read is written here.

mod happening;
pub(crate) mod monitor;
mod stream;
mod text;
pub(crate) mod wait;

pub(crate) use happening::{Happening, What};
