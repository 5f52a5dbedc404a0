//! What a former run has left where the addresses go: it is gone on with, or taken away.

use std::net::IpAddr;

use carp_fsm::carp_proto::VirtualAddress;

use super::make::guard;
use super::{Access, Ground, MARK, Place, Placed, Refusal, Result};
use super::{addresses, clock};
use crate::Setup;
use crate::error::About as _;
use crate::linux::links::Address;
use crate::linux::netlink::Connection;

impl Place {
    /// Goes on with the carp interface of a former run. Where it carries addresses, what it
    /// says and takes stays as it is for now.
    pub(super) fn take_back(mut self, access: &mut Access, setup: &Setup) -> Result<Self> {
        let there = addresses::all(&mut access.connection, self.index).about(&self.name)?;
        self.held = there.iter().filter_map(Placed::found).collect();
        self.until = Some(clock::now());
        self.quiet = true;
        if !setup.up {
            self.release(access);
        }
        let carries = !self.held.is_empty();
        guard(&mut access.connection, setup, self.index, carries)?;
        tracing::info!(
            interface = self.name,
            carries,
            "carp interface of a former run kept"
        );
        Ok(self)
    }

    /// Whether exactly `addresses` are there from a former run; then it goes on with them, but
    /// does not speak for them. What else is left of it goes.
    pub(in crate::linux) fn adopt(
        &mut self,
        access: &mut Access,
        addresses: &[VirtualAddress],
    ) -> Result<bool> {
        let mut there = addresses::all(&mut access.connection, self.index).about(&self.name)?;
        if self.ground == Ground::Shared {
            let is_ours = |ip: IpAddr| addresses.iter().any(|address| address.ip() == ip);
            there.retain(|found| found.mark == MARK && is_ours(found.ip));
        }
        let is_there = |address: &VirtualAddress| {
            let prefix_len = addresses::prefix_len(self.ground, *address);
            there.iter().any(|found| {
                (found.ip, found.prefix_len) == (address.ip(), prefix_len) && found.mark == MARK
            })
        };
        let exactly =
            !there.is_empty() && there.len() == addresses.len() && addresses.iter().all(is_there);
        self.until = Some(clock::now());
        if exactly {
            let routed = true;
            let placed = addresses.iter().map(|&address| Placed { address, routed });
            self.held = placed.collect();
            self.quieten(access);
        } else {
            self.held = there.iter().filter_map(Placed::found).collect();
            self.release(access);
        }
        Ok(exactly)
    }

    /// Takes an address on a carpdev that a former run has left there.
    pub(super) fn take_marked(
        &self,
        connection: &mut Connection,
        placed: &Placed,
        lifetime: u32,
        refusal: Refusal,
    ) -> Result<(), Refusal> {
        let (ip, index) = (placed.address.ip(), self.index);
        let there = addresses::all(connection, index)?;
        if !there
            .iter()
            .any(|found| found.ip == ip && found.mark == MARK)
        {
            return Err(refusal);
        }
        connection.all(vec![addresses::set(
            index,
            self.ground,
            placed.address,
            lifetime,
        )])
    }
}

impl Placed {
    /// An address that was there before. Whether it has brought a route is not known, and no harm
    /// is done where it is not so.
    fn found(found: &Address) -> Option<Self> {
        let (address, routed) = (found.network()?, true);
        Some(Self { address, routed })
    }
}
