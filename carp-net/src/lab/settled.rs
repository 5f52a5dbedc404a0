//! Waiting until the IPv6 addresses of a host are its own. The kernel leaves that to a work queue,
//! and joining the groups by which neighbours ask for them.

use std::fs;
use std::io;
use std::net::Ipv6Addr;
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::error::About as _;

use super::{Host, clock};

/// Waits until a network interface of `host` has nothing to do for its IPv6 addresses.
pub(super) fn wait(host: &Host, interface: &str) -> Result<()> {
    let deadline = clock::now() + PATIENCE;
    host.enter(|| {
        while !are_settled(interface) {
            if clock::now() >= deadline {
                return Err(io::Error::from(io::ErrorKind::TimedOut)).about(host.name());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    })?
}

/// Whether all are usable and asked for. A kernel without IPv6 has no such files.
fn are_settled(interface: &str) -> bool {
    let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}"));
    let (addresses, groups) = (read("if_inet6"), read("igmp6"));
    let (addresses, groups) = (addresses.unwrap_or_default(), groups.unwrap_or_default());
    // Address, index, prefix length, scope, flags, name.
    let mut of_interface = addresses.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [address, _, _, _, flags, name] if *name == interface => Some((*address, *flags)),
            _ => None,
        }
    });
    of_interface.all(|(address, flags)| {
        let flags = u32::from_str_radix(flags, 16).unwrap_or_default();
        let address = u128::from_str_radix(address, 16).unwrap_or_default();
        let group = format!("{:032x}", solicited_node_group(address).to_bits());
        let is_joined = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            words.next() == Some(interface) && words.next() == Some(&group)
        };
        flags & IFA_F_TENTATIVE == 0 && groups.lines().any(is_joined)
    })
}

/// Where neighbours ask for an address (RFC 4291 §2.7.1).
fn solicited_node_group(address: u128) -> Ipv6Addr {
    let [.., a, b, c] = address.to_be_bytes();
    let low = u16::from_be_bytes([b, c]);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low)
}

/// Some milliseconds are enough unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);
/// Of `linux/if_addr.h`.
const IFA_F_TENTATIVE: u32 = 0x40;
