//! The service as processes: the supervisor, its engine with the loop, and what confines it and tells
//! of it. It knows no client.

pub(crate) mod daemon;
pub(crate) mod logging;
pub(crate) mod notify;
pub(crate) mod sandbox;
pub(crate) mod service;
pub(crate) mod supervise;
