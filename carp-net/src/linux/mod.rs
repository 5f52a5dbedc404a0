//! CARP on Linux: raw sockets to hear, packet sockets to speak, rtnetlink for everything else.

pub(crate) mod netlink;
mod sys;
