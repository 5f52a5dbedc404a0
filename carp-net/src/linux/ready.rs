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
use std::thread;
use std::time::Duration;

use carp_fsm::carp_proto::VirtualAddress;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::interface;
use super::netlink::{Connection, Refusal};

/// How often to look, and how many times: the work is done within a millisecond unless the
/// machine is very busy, and then it is better to go on than to leave the addresses unanswered.
const PAUSE: Duration = Duration::from_micros(50);
const LOOKS: u32 = 4_000;

/// Waits until the interface with this index can send. Says whether it can.
pub(super) fn wait_for_queue(connection: &mut Connection, index: u32) -> Result<bool, Refusal> {
    // The operational state follows in the same step, under the same lock.
    look(|| Ok(interface::get(connection, index)?.is_none_or(|link| link.is_running())))
}

/// Waits until each IPv6 one of `addresses`, on the interface with this index, is taken as the
/// host's own. Says whether all are.
pub(super) fn wait_for_addresses(
    connection: &mut Connection,
    index: u32,
    addresses: &[VirtualAddress],
) -> Result<bool, Refusal> {
    let mut all = true;
    for address in addresses {
        if let IpAddr::V6(ip) = address.ip() {
            all &= look(|| is_local(connection, index, ip))?;
        }
    }
    Ok(all)
}

fn look(mut done: impl FnMut() -> Result<bool, Refusal>) -> Result<bool, Refusal> {
    for _ in 0..LOOKS {
        if done()? {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
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
    let is_local = |payload: &[u8]| payload.get(TYPE) == Some(&u8::from(RouteType::Local));
    match connection.get(RouteNetlinkMessage::GetRoute(message)) {
        Ok(found) => Ok(found.iter().any(|message| is_local(&message.payload))),
        // Nothing at all leads there yet.
        Err(refusal) if refusal.is(libc::ENETUNREACH) => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

/// Where the type stands in `struct rtmsg`.
const TYPE: usize = 7;
