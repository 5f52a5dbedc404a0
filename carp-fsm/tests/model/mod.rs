//! A second model of the election, written from `docs/carp-protocol.md` and from nothing else.
//!
//! [`Model`] is one virtual host: its state, its timers and the adverts it sends, in virtual
//! microseconds. It has no addresses to put in place and no hand-over, no sockets and no digest:
//! what it hears is valid (§3), what it owns it owns at once. [`Plan`] makes random lives for it.
//! The engine, told the same things at the same times, must do the same things.
//!
//! Where this project promises more than the kernels keep, the model promises it too. *Ours*:
//!
//! 1. `down`, destroy and `state backup` of a master send a bow-out in every dialect (§4.7).
//! 2. A master never yields to a bow-out; a backup takes over on one, with advbase 0 too, where
//!    [O] would not (§4.3, BACKUP c).
//! 3. A master that hears a worse master answers with an advert at once, which restarts its advert
//!    timer, but answers at most once a second, counted from its last answer.
//! 4. A change of the address list keeps the state: a master advertises at once, a backup waits a
//!    full time anew. Only the first address and the last one go through INIT (§4.7), a master
//!    after a bow-out under the list before, so that its peers need not wait.
//! 5. Of masters with equal claims both yield (§4.3.1), and add to their waiting a random part of
//!    up to a quarter of an advert interval. In dialect `ucarp` the addresses decide (§4.3.2).
//! 6. After `state backup` a host is held back: it takes over when its timer says that the other
//!    master is gone, on a bow-out, or when told to by `state master`; `up` ends the holding back.
//! 7. A link of unknown state counts as up (§4.1), and without a link the state is INIT, in every
//!    dialect.
//! 8. Waiting longer than the master-down time without being called is not modelled.
//! 9. Raising the demotion makes a master advertise at once in every dialect (§4.7).
//! 10. A host without addresses takes part too (§4.1 wants one), over IPv4.
//! 11. A backup that follows a master which is well, and over whose family it waits, leaves worse
//!     ones to it for the master-down time since it was heard: bow-outs of others included.
//! 12. For 300 s after the last change of the address list the lists before count too, if it is so
//!     long that changes follow each other; of many different ones the oldest and the last 31. A
//!     family that such a list lacks is waited for a full time after the list has ended, whenever
//!     the master was last heard over the other one: its list may be that. A family that only such
//!     lists have is waited for where no other family is sure to be heard, until one of the host's
//!     own is. What is sent under such lists is not in the model.
//! 13. What send errors demote ends too where nothing is sent that could succeed: in INIT, with the
//!     last address of the family, and in a backup 300 s after the last error, each noticed when
//!     something is heard, said or changed.
//!
//! *Read into the reference*, where it is silent or can be read in two ways:
//!
//! * With advbase 0 the master-down time is three adverts in every dialect, as in [O-old] (§4.4):
//!   one advert, as the formula of the others would have it, takes over from a healthy master.
//! * `3·skew/256` is three times the microseconds of §4, each rounded down (0/1: 11718).
//! * [F] uses the configured skew for the first *interval* after becoming master, never in the
//!   advert; what is sent on other occasions is followed by the demoted interval.
//! * Every advert but a bow-out starts the advert interval anew (§4.4.1).
//! * `state master` and `state backup` do nothing in INIT; `state master` nothing in a master;
//!   `state backup` makes a backup wait a full time anew (§4.7).
//! * Three errors, and three successes after them, are in a row and of one family, in every
//!   dialect. What they add to the demotion comes back as [`Input::Demotion`].
//! * An advert over a family without addresses is heard, but in [F] (§3, step 7); it arms no timer.
//!   Addresses of a list that still counts are addresses here; a timer armed while it counted is
//!   stopped by it: who is heard is there, and the host's own families are waited for anyway.
//! * The tie-break of IPv6 sources, which ucarp does not have, swaps bytes like that of IPv4.
//! * A counter is not adopted in INIT, and no change of state forgets one (§2.4).

#![expect(
    unreachable_pub,
    reason = "in a module of a test, `pub` tells what the test may use"
)]

pub mod claim;
mod counter;
mod dialect;
mod host;
mod inputs;
mod lists;
pub mod plan;
mod random;
pub mod rules;
mod sending;
pub mod timers;

pub use self::claim::Interval;
pub use self::counter::Counter;
pub use self::dialect::Dialect;
pub use self::host::Model;
pub use self::inputs::{Advert, Config, Heard, Input, Link, Output, PerFamily, State};
pub use self::plan::Plan;
pub use self::rules::Row;
pub use self::timers::Timer;
