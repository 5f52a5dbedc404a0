//! What somebody else has changed while a virtual host holds addresses, put right in one batch.

use carp_fsm::Damage;

use super::{Access, Error, Ground, MARK, Place, Refusal, Request, Result};
use super::{addresses, clock, interface, settings};
use crate::error::About as _;
use crate::linux::links::{Address, Link};
use crate::linux::netlink::Connection;

/// What became of an interface.
#[derive(Debug)]
pub(in crate::linux) enum Condition {
    /// Everything is as it should be.
    Sound,
    /// Everything is again.
    Mended,
    /// Not everything could be put right.
    Damaged(Error),
    /// It is down.
    SetDown,
    /// It is gone, and its carpdev is there.
    Deleted,
    /// Its carpdev is gone too.
    WithoutCarpdev,
}

impl Place {
    /// Looks at the interface, which is to be `up`, and puts right what somebody else has changed
    /// if it holds addresses and is not handing them over; tells what that was.
    ///
    /// An address that is missing is back after the first exchange with the kernel.
    pub(in crate::linux) fn mend(
        &mut self,
        access: &mut Access,
        up: bool,
        mut tell: impl FnMut(Damage),
    ) -> Result<Condition> {
        let now = clock::now();
        let cares = !self.quiet && self.until.is_none_or(|until| until > now);
        let lifetime = addresses::lifetime(self.until, now);
        let connection = &mut access.connection;
        let add = |placed: &super::Placed| {
            addresses::add(self.index, self.ground, placed.address, lifetime)
        };
        let mut requests = vec![Request::new(interface::question(self.index), 0)];
        requests.extend(self.held.iter().filter(|_| cares).map(add));
        let mut link = None;
        let verdicts = connection.exchange(requests, |at, _, payload| {
            if at == 0 {
                link = Link::read(payload);
            }
        });
        let verdicts = verdicts.about(&self.name)?;
        let is_own = self.ground == Ground::Own;
        let Some(link) = link else {
            let carpdev = interface::get(connection, self.carpdev).about(&self.name)?;
            return Ok(if is_own && carpdev.is_some() {
                Condition::Deleted
            } else {
                Condition::WithoutCarpdev
            });
        };
        if is_own && up && !link.is_up() {
            return Ok(Condition::SetDown);
        }
        if !cares || self.held.is_empty() {
            return Ok(Condition::Sound);
        }
        let mut was_damaged = false;
        let mut error = None;
        let mut note = |damage| {
            was_damaged = true;
            tell(damage);
        };
        if let Some(mac) = self.mac.filter(|mac| link.mac != Some(*mac)) {
            // Setting the MAC address of a macvlan takes the kernel a while (it waits until nobody
            // reads its table, some 13 ms). Another node can be quicker, and both must not hold the
            // addresses then.
            self.release(access);
            tell(Damage::LinkAddress);
            let mac = interface::set_mac(self.index, mac);
            let set = access.connection.all(vec![mac]).about(&self.name);
            return Ok(set.map_or_else(Condition::Damaged, |()| Condition::Mended));
        }
        let verdicts: Vec<_> = verdicts.into_iter().skip(1).collect();
        let is = |errno| {
            let mut verdicts = verdicts.iter();
            verdicts.any(|verdict| matches!(verdict, Err(refusal) if refusal.is(errno)))
        };
        if is(libc::EACCES) {
            note(Damage::Inet6Disabled);
            self.enable_inet6(connection);
        }
        let is_missing = verdicts.iter().any(Result::is_ok);
        let is_altered = !is_missing && self.is_altered(connection).about(&self.name)?;
        if (is_missing || is_altered) && !is(libc::EACCES) {
            note(Damage::Address);
        }
        if was_damaged {
            let held = self.held.clone();
            error = error.or_else(|| self.add(connection, &held, lifetime).err());
            self.set_routes(connection, held);
        }
        Ok(match error {
            Some(error) => Condition::Damaged(error),
            None if was_damaged => Condition::Mended,
            None => Condition::Sound,
        })
    }

    /// Gives a carp interface its link-layer address back before it holds something.
    pub(in crate::linux) fn put_right(&self, connection: &mut Connection) -> Result<()> {
        if let Some(mac) = self.mac
            && let Some(link) = interface::get(connection, self.index).about(&self.name)?
            && link.mac != Some(mac)
        {
            let mac = interface::set_mac(self.index, mac);
            connection.all(vec![mac]).about(&self.name)?;
        }
        Ok(())
    }

    /// Switches IPv6 on where somebody else has switched it off. On a carpdev that is the host's
    /// own affair.
    pub(super) fn enable_inet6(&self, connection: &mut Connection) {
        if self.ground == Ground::Own {
            self.set_inet6(connection);
            settings::set_inet6(&self.name, &[("disable_ipv6", "0")]);
        }
    }

    /// Has the kernel, which has just brought IPv6 back to a carp interface, with a link-local
    /// address, be as quiet there as before.
    pub(super) fn quieten_inet6(&self, connection: &mut Connection) {
        self.set_inet6(connection);
        let there = match addresses::all(connection, self.index) {
            Ok(there) => there,
            Err(error) => return self.warn("addresses not looked up", Err(error)),
        };
        let is_foreign = |found: &&Address| found.ip.is_ipv6() && found.mark != MARK;
        let foreign = there.iter().filter(is_foreign);
        let foreign = foreign.filter_map(Address::network);
        let remove = foreign.map(|address| addresses::remove_found(self.index, address));
        self.try_all(connection, remove.collect());
    }

    /// Sets what keeps the kernel from speaking of its own accord.
    fn set_inet6(&self, connection: &mut Connection) {
        match connection.all(vec![settings::no_address_generation(self.index)]) {
            Err(error) if error.is(libc::EAFNOSUPPORT) => {}
            set => self.warn("addrgenmode not set", set),
        }
        settings::set_inet6(&self.name, &settings::OF_CARP_INET6);
    }

    /// Whether an address that is there is not as it was made.
    fn is_altered(&self, connection: &mut Connection) -> Result<bool, Refusal> {
        let there = addresses::all(connection, self.index)?;
        Ok(self.held.iter().any(|placed| {
            let mut there = there.iter();
            let found = there.find(|found| found.ip == placed.address.ip());
            found.is_some_and(|found| is_altered(found, self.until.is_some()))
        }))
    }
}

/// Whether an address of ours, which is to expire or not, has been altered.
pub(in crate::linux) fn is_altered(found: &Address, expires: bool) -> bool {
    // A kernel that knows no marks (before 5.18) says 0.
    let is_marked = matches!(found.mark, MARK | 0);
    let is_quiet = found.ip.is_ipv4() || found.is_deprecated();
    !is_marked || !is_quiet || found.expires() != expires
}
