//! Taking away what was made for virtual hosts, for many of them at once.
//!
//! The kernel waits for some milliseconds until nobody uses an interface that goes, with its lock
//! held; it waits once for all that go together, which it does for the members of a group.

use super::Access;
use crate::linux::interface;
use crate::linux::netlink::{Connection, Refusal};
use crate::linux::place::Place;

/// Takes all of these away.
pub(super) fn all(access: &mut Access, places: impl IntoIterator<Item = Place>) {
    let cleared = places.into_iter().filter_map(|place| place.clear(access));
    let interfaces: Vec<u32> = cleared.collect();
    for together in interfaces.chunks(AT_ONCE) {
        if let Err(error) = delete(&mut access.connection, together) {
            tracing::warn!(%error, "carp interfaces not removed");
        }
    }
}

fn delete(connection: &mut Connection, interfaces: &[u32]) -> Result<(), Refusal> {
    if interfaces.len() > 1 && group(connection, interfaces)? {
        match connection.all(vec![interface::delete_group(GROUP)]) {
            Ok(()) => return Ok(()),
            Err(error) => tracing::debug!(%error, "not removed together"),
        }
    }
    let one_by_one = interfaces.iter().copied().map(interface::delete);
    let gone =
        |verdict: &Result<(), Refusal>| matches!(verdict, Err(refusal) if refusal.is(libc::ENODEV));
    let verdicts = connection.each(one_by_one.collect())?.into_iter();
    verdicts.filter(|verdict| !gone(verdict)).collect()
}

/// Makes a group of these interfaces. Says whether nobody else is in it, and nothing was refused.
fn group(connection: &mut Connection, interfaces: &[u32]) -> Result<bool, Refusal> {
    let members = interface::members(connection, GROUP)?;
    if members.iter().any(|member| !interfaces.contains(member)) {
        return Ok(false);
    }
    let join = |index: &u32| interface::join_group(*index, GROUP);
    Ok(connection
        .all(interfaces.iter().map(join).collect())
        .is_ok())
}

/// How many go together: others wait meanwhile until the kernel's lock is free.
const AT_ONCE: usize = 256;

/// The letters CARP. Names of groups stand for small numbers (`/etc/iproute2/group`).
const GROUP: u32 = 0x4341_5250;
