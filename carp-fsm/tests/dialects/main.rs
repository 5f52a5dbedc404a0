//! Every row of `docs/carp-protocol.md` §4.2–§4.7 for each dialect, and those of §1, §2, §3 and §5
//! that are rules of a dialect.
//!
//! A row says what a virtual host is, what happens and what it then does, in numbers of the
//! reference. [`Source::Ours`] marks what this project does where the kernel of that name does
//! otherwise, because it promises less loss or fewer masters; the row says which.
//!
//! Rows that are not here, and why:
//!
//! * DragonFly's jump from INIT to MASTER (§4.1): two masters at each start, and no dialect of ours.
//! * [F] does not run while the link state is unknown (§4.1): the platform says up or not.
//! * Balancing, its vhosts and a changed list of them (§4.5, §4.7, §6): there is none.
//! * `ucarp`'s scripts, its second of delay and its pause after `state backup` (§4.4.4, §4.5,
//!   §4.7): they make it slower, and no peer waits for them.
//! * ARP and ND answers, routes and link state of the interface (§4.6, items 1 and 2), ENOBUFS and
//!   EHOSTDOWN (§4.7, item 1): the platform's.
//! * `net.inet.carp.allow` (§4.7): there is no such switch.
//! * [F]'s `pass` and `vhid` changes and [O]'s lladdr (§4.7): digests and identities, tested in
//!   `src/node/tests.rs`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod bench;
mod claims;
mod comparison;
mod demotion;
mod events;
mod mastership;
mod table;
mod timers;
mod wire;

use carp_fsm::Dialect;
use carp_fsm::Dialect::{FreeBsd, NetBsd, OpenBsd, OpenBsdOld, Portable, Ucarp};

use table::{Row, Source, check, row};

const ALL: &[Dialect] = &Dialect::ALL;
/// Those that send and compare byte 4.
const WITH_BYTE_4: &[Dialect] = &[Portable, OpenBsd, OpenBsdOld];
/// Those that say in the skew that they are demoted.
const IN_SKEW: &[Dialect] = &[FreeBsd, NetBsd, Ucarp];
/// Those in which a demoted host has skew 240, however far it is demoted.
const SUPPRESSED: &[Dialect] = &[NetBsd, Ucarp];
/// All in which equal masters both yield (§4.3.1).
const BSD: &[Dialect] = &[Portable, OpenBsd, OpenBsdOld, FreeBsd, NetBsd];
/// Those that are [O], of today or before.
const OPENBSD: &[Dialect] = &[OpenBsd, OpenBsdOld];
/// Those that wait 3·advbase + skew/256 (§4.4).
const WITHOUT_OPENBSD: &[Dialect] = &[Portable, OpenBsdOld, FreeBsd, NetBsd, Ucarp];
