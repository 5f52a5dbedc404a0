//! The egress filter: what a carp interface must never say, whoever asks it to.
//!
//! One stray frame with the virtual MAC address moves the switch's table and blackholes the
//! addresses, and the kernel sends such frames by itself. A classic BPF program at `clsact` stops
//! them; it needs no more than rtnetlink, and it outlives this process.

use std::collections::BTreeMap;

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcAttribute, TcBpfFlags, TcFilterBpfOption, TcHandle, TcMessage, TcOption,
};

use super::interface;
use super::journal::Journal;
use super::netlink::{Attributes, Connection, Refusal, Request, kind};

mod bpf;
mod programs;
mod speech;
pub(super) use bpf::Program;
pub(super) use programs::{closed, normal, quiet, veil};
pub(super) use speech::{Speech, Speeches};

/// The interfaces of others that filters may have to be put on.
///
/// Making or removing `clsact` stops the interface for an instant, and what it sends then is lost.
/// So it is made when an interface is first needed and removed when it no longer is, never at a
/// hand-over.
#[derive(Debug, Default)]
pub(super) struct Clsacts(BTreeMap<u32, Clsact>);

#[derive(Debug)]
struct Clsact {
    users: u32,
    /// Whether it was made here, not by somebody else.
    made: bool,
}

impl Clsacts {
    /// Sees to it that filters can be put on the interface with this index. Returns whether none
    /// can be there yet.
    pub(super) fn borrow(
        &mut self,
        connection: &mut Connection,
        journal: &mut Journal,
        index: u32,
    ) -> Result<bool, Refusal> {
        if let Some(clsact) = self.0.get_mut(&index) {
            clsact.users += 1;
            return Ok(false);
        }
        let was_made = journal.has_clsact(index);
        if !was_made {
            let link = interface::get(connection, index)?;
            journal.note_clsact(index, link.as_ref().map_or("", |link| &link.name));
        }
        let is_new = match connection.all(vec![add_clsact(index)]) {
            Ok(()) => true,
            Err(refusal) => {
                if !was_made {
                    journal.forget_clsact(index);
                }
                if !refusal.is(libc::EEXIST) {
                    return Err(refusal);
                }
                false
            }
        };
        let made = is_new || was_made;
        self.0.insert(index, Clsact { users: 1, made });
        Ok(is_new)
    }

    /// Leaves the interface as it was once nobody needs it, unless somebody else has put filters
    /// there in the meantime.
    pub(super) fn give_back(
        &mut self,
        connection: &mut Connection,
        journal: &mut Journal,
        index: u32,
    ) -> Result<(), Refusal> {
        let Some(clsact) = self.0.get_mut(&index) else {
            return Ok(());
        };
        clsact.users -= 1;
        if clsact.users > 0 {
            return Ok(());
        }
        let made = clsact.made;
        self.0.remove(&index);
        if made {
            put_back(connection, journal, index)
        } else {
            Ok(())
        }
    }

    /// Whether it is needed on the interface with this index.
    pub(super) fn is_needed(&self, index: u32) -> bool {
        self.0.contains_key(&index)
    }
}

/// Removes `clsact`, made by us, unless somebody else has put filters there in the meantime.
pub(super) fn put_back(
    connection: &mut Connection,
    journal: &mut Journal,
    index: u32,
) -> Result<(), Refusal> {
    let done = match has_filters(connection, index) {
        Ok(false) => connection.all(vec![remove_clsact(index)]),
        Ok(true) => Ok(()),
        Err(refusal) => Err(refusal),
    };
    match done {
        Err(refusal) if !GONE.iter().any(|errno| refusal.is(*errno)) => Err(refusal),
        _ => {
            journal.forget_clsact(index);
            Ok(())
        }
    }
}

/// Asks for the place where filters go.
pub(super) fn add_clsact(index: u32) -> Request {
    let message = clsact(index);
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    Request::new(RouteNetlinkMessage::NewQueueDiscipline(message), flags)
}

/// Takes that place away, and all filters in it.
fn remove_clsact(index: u32) -> Request {
    Request::new(RouteNetlinkMessage::DelQueueDiscipline(clsact(index)), 0)
}

/// Puts a filter of ours in place, instead of that with the same `handle`, in one step.
pub(super) fn set(index: u32, handle: u16, program: &Program) -> Request {
    let message = whole(index, handle, program);
    Request::new(RouteNetlinkMessage::NewTrafficFilter(message), NLM_F_CREATE)
}

/// Puts a filter of ours in place; refused with `EEXIST` where there is one with that `handle`.
pub(super) fn set_if_none(index: u32, handle: u16, program: &Program) -> Request {
    let message = whole(index, handle, program);
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    Request::new(RouteNetlinkMessage::NewTrafficFilter(message), flags)
}

fn whole(index: u32, handle: u16, program: &Program) -> TcMessage {
    let option = |kind, bytes| {
        let attribute = DefaultNla::new(kind, bytes);
        TcOption::Bpf(TcFilterBpfOption::Other(attribute))
    };
    let length = program.len().to_ne_bytes().to_vec();
    let mut message = filter(index, handle);
    message.attributes.push(TcAttribute::Options(vec![
        option(BPF_OPS_LEN, length),
        option(BPF_OPS, program.to_bytes()),
        TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
    ]));
    message
}

/// Takes a filter of ours away.
pub(super) fn remove(index: u32, handle: u16) -> Request {
    let message = filter(index, handle);
    Request::new(RouteNetlinkMessage::DelTrafficFilter(message), 0)
}

/// Whether the interface has any filter, of anybody, at `clsact`.
fn has_filters(connection: &mut Connection, index: u32) -> Result<bool, Refusal> {
    for side in [TcHandle::MIN_INGRESS, TcHandle::MIN_EGRESS] {
        if filters(connection, index, side)?.next().is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The handles of the filters of ours on the interface with this index.
pub(super) fn ours(connection: &mut Connection, index: u32) -> Result<Vec<u16>, Refusal> {
    let filters = match filters(connection, index, TcHandle::MIN_EGRESS) {
        // There is no place for filters.
        Err(refusal) if GONE.iter().any(|errno| refusal.is(*errno)) => return Ok(Vec::new()),
        filters => filters?,
    };
    let handle = |payload: Vec<u8>| {
        // struct tcmsg: family, padding, index, handle, parent, info (20 bytes in all).
        let word = |at: usize| Some(u32::from_ne_bytes(*payload.get(at..)?.first_chunk()?));
        let of_priority = word(16)? >> 16 == PRIORITY;
        let kind = Attributes::behind(&payload, TCMSG).get(TCA_KIND)?.text();
        let handle = u16::try_from(word(8)?).ok()?;
        (of_priority && kind == "bpf" && handle != 0).then_some(handle)
    };
    Ok(filters.filter_map(handle).collect())
}

fn filters(
    connection: &mut Connection,
    index: u32,
    side: u16,
) -> Result<impl Iterator<Item = Vec<u8>>, Refusal> {
    let mut message = TcMessage::with_index(index_of(index));
    message.header.parent = at(side);
    let found = connection.dump(&RouteNetlinkMessage::GetTrafficFilter(message))?;
    let filters = found.into_iter();
    Ok(filters
        .filter(|message| message.kind == kind::NEW_FILTER)
        .map(|message| message.payload))
}

fn clsact(index: u32) -> TcMessage {
    let mut message = TcMessage::with_index(index_of(index));
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle {
        major: TcHandle::CLSACT.major,
        minor: 0,
    };
    message
        .attributes
        .push(TcAttribute::Kind("clsact".to_owned()));
    message
}

fn filter(index: u32, handle: u16) -> TcMessage {
    let mut message = TcMessage::with_index(index_of(index));
    message.header.parent = at(TcHandle::MIN_EGRESS);
    message.header.handle = TcHandle {
        major: 0,
        minor: handle,
    };
    // The priority, then the protocol as it is on the wire.
    message.header.info = (PRIORITY << 16) | u32::from(ETH_P_ALL.to_be());
    message.attributes.push(TcAttribute::Kind("bpf".to_owned()));
    message
}

fn at(side: u16) -> TcHandle {
    TcHandle {
        major: TcHandle::CLSACT.major,
        minor: side,
    }
}

/// The kernel's indices are positive.
fn index_of(index: u32) -> i32 {
    i32::try_from(index).unwrap_or_default()
}

/// Ours by its number: filters of others on a carpdev come before or after.
const PRIORITY: u32 = 112;
/// What says that there is no such interface, `clsact` or filter.
const GONE: [i32; 3] = [libc::ENODEV, libc::ENOENT, libc::EINVAL];
const TCMSG: usize = 20;
const TCA_KIND: u16 = 1;
const ETH_P_ALL: u16 = 3;
const BPF_OPS_LEN: u16 = 4;
const BPF_OPS: u16 = 5;

#[cfg(test)]
mod tests;
