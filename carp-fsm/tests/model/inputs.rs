//! What a virtual host is, what happens to it and what it does.

use std::net::IpAddr;

use carp_proto::Family;

use super::claim::Interval;
use super::counter::Counter;
use super::dialect::Dialect;

/// One thing for each family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerFamily<T> {
    pub inet: T,
    pub inet6: T,
}

impl<T> PerFamily<T> {
    pub const fn get(&self, family: Family) -> &T {
        match family {
            Family::Inet => &self.inet,
            Family::Inet6 => &self.inet6,
        }
    }

    pub const fn get_mut(&mut self, family: Family) -> &mut T {
        match family {
            Family::Inet => &mut self.inet,
            Family::Inet6 => &mut self.inet6,
        }
    }
}

/// A virtual host before anything happened to it: `down`, on a link that is up.
#[derive(Debug, Clone)]
pub struct Config {
    pub dialect: Dialect,
    pub interval: Interval,
    pub preempt: bool,
    /// The demotion of the node, as [`Input::Demotion`] tells it.
    pub demotion: i32,
    /// How many virtual addresses it has.
    pub addresses: PerFamily<u32>,
    /// What its adverts come from, for the tie-break (§4.3.2).
    pub sources: PerFamily<IpAddr>,
}

/// §4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Init,
    Backup,
    Master,
}

/// The link of the carpdev.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Up,
    Down,
    Unknown,
}

/// A valid advert (§3), its family that of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    pub source: IpAddr,
    pub interval: Interval,
    /// Byte 4, whatever the dialect makes of it.
    pub demote: u8,
    pub counter: u64,
}

/// What happens to a virtual host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing but time.
    Pass,
    Hear(Heard),
    Up,
    Down,
    Link(Link),
    StateMaster,
    StateBackup,
    /// The demotion of the node, all entries added: 0 to 255 in the dialects that have byte 4,
    /// any sum in FreeBSD's, the number of reasons to be suppressed in the other two (§5).
    Demotion(i32),
    /// One address more; the other that the host has stay.
    AddressAdded(Family),
    /// One address less; without effect if there is none.
    AddressRemoved(Family),
    /// An advert of the family could not be sent.
    SendError(Family),
    /// An advert of the family was sent.
    SendSuccess(Family),
    Preempt(bool),
}

/// When something happens, seen from the model (§4.4 has the times worth hitting).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// So many microseconds after the input before.
    Micros(u64),
    /// As the next timer fires or this many microseconds beside it; at once if none is armed.
    Timer(i64),
}

/// An advert as it stands in the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advert {
    pub family: Family,
    pub interval: Interval,
    /// Byte 4.
    pub demote: u8,
    pub counter: Counter,
}

/// What a virtual host does, with the time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Sent(u64, Advert),
    /// From a state to another.
    Went(u64, State, State),
    /// Sending in a family fails (`true`) or works again: what the demotion of §4.7 hangs on.
    Sending(u64, Family, bool),
}
