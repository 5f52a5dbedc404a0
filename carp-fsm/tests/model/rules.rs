//! Who is master: the table of §4.3, a function for each state that compares.

use std::net::IpAddr;

use super::claim::{Claim, Interval};
use super::dialect::Dialect;

/// The row of §4.3 that an advert fell under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// INIT: ignore.
    Ignored,
    /// MASTER: the other is better.
    MasterYields,
    /// MASTER: the other is as good, and nothing decides between the two.
    MasterTies,
    /// MASTER: the other is worse.
    MasterStays,
    /// MASTER: the other goes (ours 2).
    MasterHearsBowOut,
    /// BACKUP a: the master is slower, and preempt is on.
    Preempts,
    /// BACKUP b: the master is more demoted.
    ReplacesDemoted,
    /// BACKUP c: the master is too slow to be waited for, or goes.
    ReplacesSlow,
    /// BACKUP d: the master is well.
    Waits,
    /// BACKUP: another master is followed (ours 11).
    LeavesToMaster,
}

impl Row {
    pub const ALL: [Self; 10] = [
        Self::Ignored,
        Self::MasterYields,
        Self::MasterTies,
        Self::MasterStays,
        Self::MasterHearsBowOut,
        Self::Preempts,
        Self::ReplacesDemoted,
        Self::ReplacesSlow,
        Self::Waits,
        Self::LeavesToMaster,
    ];
}

/// §4.3, MASTER. `tie_lost` tells what [`loses_tie`] says of the two sources.
///
/// With both demotions 0, as every dialect but OpenBSD's has them, [O]'s condition is that of
/// the others: own ≥ rcv.
pub fn heard_by_master(dialect: Dialect, own: Claim, rcv: Claim, tie_lost: bool) -> Row {
    if rcv.interval == Interval::BOW_OUT {
        return Row::MasterHearsBowOut;
    }
    if own == rcv {
        return match (dialect.breaks_ties(), tie_lost) {
            (false, _) => Row::MasterTies,
            (true, true) => Row::MasterYields,
            (true, false) => Row::MasterStays,
        };
    }
    let faster = own.interval >= rcv.interval && rcv.demotion <= own.demotion;
    let less_demoted = rcv.demotion < own.demotion;
    if faster || less_demoted {
        Row::MasterYields
    } else {
        Row::MasterStays
    }
}

/// §4.3, BACKUP a to d; the first that matches wins. Held back after `state backup`, a host
/// hears out everything but a bow-out (ours 6), which it honours always (ours 2).
pub fn heard_by_backup(
    dialect: Dialect,
    own: Claim,
    rcv: Claim,
    preempt: bool,
    held_back: bool,
) -> Row {
    if held_back && rcv.interval != Interval::BOW_OUT {
        return Row::Waits;
    }
    if preempt && own.interval < rcv.interval && rcv.demotion >= own.demotion {
        return Row::Preempts;
    }
    if rcv.demotion > own.demotion {
        return Row::ReplacesDemoted;
    }
    if rcv.interval == Interval::BOW_OUT || waits_less_than(dialect, own.interval, rcv.interval) {
        return Row::ReplacesSlow;
    }
    Row::Waits
}

/// BACKUP c: (3·advbase, own skew) < rcv.
fn waits_less_than(dialect: Dialect, own: Interval, rcv: Interval) -> bool {
    if own.base == 0 && dialect.ignores_slow_masters_at_base_0() {
        return false;
    }
    (3 * u16::from(own.base), own.skew) < (u16::from(rcv.base), rcv.skew)
}

/// §4.3.2: the smaller source wins, each read as the little-endian host of ucarp reads it.
pub fn loses_tie(own: IpAddr, peer: IpAddr) -> bool {
    byte_swapped(peer) < byte_swapped(own)
}

fn byte_swapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from_le_bytes(address.octets()).into(),
        IpAddr::V6(address) => u128::from_le_bytes(address.octets()),
    }
}
