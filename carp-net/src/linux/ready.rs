//! Waiting for what the kernel does after it has said yes.
//!
//! Two things are left to work queues when a request has been acknowledged, and each loses echoes
//! where a new master advertises too early:
//!
//! * An interface that gets its carrier drops what it sends until its queue has been activated.
//!   Lost with it is the one ARP request for whoever sent the first packet, and the kernel
//!   repeats that a second later.
//! * An IPv6 address has no route of its own yet, so packets for it are not taken as the host's.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use carp_fsm::carp_proto::VirtualAddress;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::netlink::{Connection, INET6_ROUTES, LINKS, Monitor, News, Refusal};
use super::{clock, interface};

/// Waits until the interface with this index can send and each IPv6 one of `addresses` on it is
/// taken as the host's own. Says whether all is so; if the machine is that busy it is better to go
/// on than to leave the addresses unanswered.
pub(super) fn wait(
    connection: &mut Connection,
    index: u32,
    addresses: &[VirtualAddress],
) -> Result<bool, Refusal> {
    let deadline = clock::now() + PATIENCE;
    let mut missing: Vec<Ipv6Addr> = addresses
        .iter()
        .filter_map(|address| match address.ip() {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => Some(ip),
        })
        .collect();
    let mut monitor = None;
    loop {
        let mut still = Vec::new();
        for ip in missing {
            if !is_local(connection, index, ip)? {
                still.push(ip);
            }
        }
        missing = still;
        if missing.is_empty() && can_send(connection, index)? {
            return Ok(true);
        }
        let left = deadline - clock::now();
        if left.is_zero() {
            return Ok(false);
        }
        match &mut monitor {
            Some(monitor) => listen(monitor, left)?,
            // What is done before somebody listens is seen by looking once more.
            none => *none = Some(Monitor::of(LINKS | INET6_ROUTES)?),
        }
    }
}

/// Waits for any news, and drops them.
fn listen(monitor: &mut Monitor, patience: Duration) -> Result<(), Refusal> {
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: patience.subsec_nanos().into(),
    };
    let mut fds = [PollFd::new(&*monitor, PollFlags::IN)];
    match poll(&mut fds, Some(&patience)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    while monitor.read(|_, _| {})? != News::Nothing {}
    Ok(())
}

/// Whether the queue of an interface is active: its operational state follows in the same step,
/// under the same lock. One that has gone is not waited for.
fn can_send(connection: &mut Connection, index: u32) -> Result<bool, Refusal> {
    Ok(interface::get(connection, index)?.is_none_or(|link| link.is_running()))
}

/// Asks the kernel what it would do with a packet for `ip`.
fn is_local(connection: &mut Connection, index: u32, ip: Ipv6Addr) -> Result<bool, Refusal> {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet6;
    message.header.destination_prefix_length = 128;
    message
        .attributes
        .push(RouteAttribute::Destination(RouteAddress::Inet6(ip)));
    if ip.is_unicast_link_local() {
        message.attributes.push(RouteAttribute::Oif(index));
    }
    // One of ours may stand in for the kernel's own.
    let is_local = |payload: &[u8]| {
        payload.get(TYPE) == Some(&u8::from(RouteType::Local))
            && payload.get(PROTOCOL) == Some(&u8::from(RouteProtocol::Kernel))
    };
    match connection.get(RouteNetlinkMessage::GetRoute(message)) {
        Ok(found) => Ok(found.iter().any(|message| is_local(&message.payload))),
        // Nothing at all leads there yet.
        Err(refusal) if refusal.is(libc::ENETUNREACH) => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

/// The work is done within a millisecond unless the machine is very busy.
const PATIENCE: Duration = Duration::from_millis(200);
/// Where the protocol and the type stand in `struct rtmsg`.
const PROTOCOL: usize = 5;
const TYPE: usize = 7;
