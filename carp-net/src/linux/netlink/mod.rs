//! Talking with the kernel's routing tables: rtnetlink, requests on one socket, news on another.
//!
//! Messages are built with `netlink-packet-route` and read by walking their attributes: an
//! attribute of somebody else's interface that this program has never heard of is no error.

mod attributes;
pub(crate) use attributes::Attributes;
mod connection;
pub(crate) use connection::{Connection, Message, Request};
mod monitor;
pub(crate) use monitor::{INET6_ROUTES, LINKS, Monitor, News};
mod refusal;
pub(crate) use refusal::Refusal;
mod wire;

/// Message types of `linux/rtnetlink.h`, for reading.
pub(crate) mod kind {
    pub(crate) const NEW_LINK: u16 = 16;
    pub(crate) const DEL_LINK: u16 = 17;
    pub(crate) const NEW_ADDRESS: u16 = 20;
    pub(crate) const DEL_ADDRESS: u16 = 21;
    pub(crate) const NEW_ROUTE: u16 = 24;
    pub(crate) const DEL_ROUTE: u16 = 25;
    pub(crate) const NEW_FILTER: u16 = 44;
}

#[cfg(test)]
mod tests;
