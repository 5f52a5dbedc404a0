//! CARP on Linux: raw sockets to hear, packet sockets to speak, rtnetlink for everything else.

#[cfg(feature = "lab")]
pub(crate) mod capture;
#[cfg(feature = "lab")]
pub(crate) mod namespace;
pub(crate) mod netlink;
mod sys;
