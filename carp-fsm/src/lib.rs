//! The CARP election as a state machine: no clock, no randomness, no I/O.
//!
//! A [`Node`] holds the virtual hosts of one machine. Everything comes in with its time:
//! [`Node::handle_packet`], [`Node::handle`], [`Node::handle_timeout`]. Everything goes out through
//! [`Node::poll_action`] (what to do), [`Node::poll_event`] (what happened) and
//! [`Node::deadline`] (when to be called). The same inputs give the same outputs, bit for bit.
//!
//! **The contract**: one input, then drain the actions and obey them in order, then wait.
//! Time never goes back (an earlier `now` counts as the last one), early timeouts are harmless,
//! and answers to actions ([`Input::Held`], [`Input::Silenced`]) may come at any later time.
//!
//! # A node by hand
//!
//! ```
//! use carp_fsm::{Action, Input, LinkId, Node, Timestamp, VirtualHost};
//! use carp_proto::{Key, Vhid};
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let mut node = Node::new(Node::builder().preempt(true), 42);
//! let web = VirtualHost::new(Vhid::new(99)?, Key::from_password("SharedSecret"))
//!     .address("192.0.2.10/24".parse()?);
//! let mut now = Timestamp::ZERO;
//! let id = node.add(now, LinkId(1), web)?;
//! let (mut sent, mut told) = (0, Vec::new());
//! while sent < 3 {
//!     while let Some(action) = node.poll_action() {
//!         match action {
//!             Action::Send { link, to, payload, .. } => {
//!                 assert_eq!((link, to), (LinkId(1), "224.0.0.18".parse()?));
//!                 assert_eq!(payload[1], 99);
//!                 sent += 1;
//!             }
//!             Action::Hold(id) => node.handle(now, Input::Held(id)),
//!             Action::HandOver(id) => node.handle(now, Input::Silenced(id)),
//!             Action::Renew { .. } | Action::Release(_) | Action::Announce { .. } => {}
//!         }
//!     }
//!     while let Some(event) = node.poll_event() {
//!         told.push((now.as_micros(), event.to_string()));
//!     }
//!     // Nothing is heard, so the next thing to happen is a timeout.
//!     now = node.deadline().ok_or("nothing to wait for")?.at;
//!     node.handle_timeout(now);
//! }
//! // Alone for 3 s, then an advert each second: at 3, 4 and 5 s, the next at 6 s.
//! assert_eq!(now.as_micros(), 6_000_000);
//! assert!(node.host(id).is_some_and(|host| host.holds()));
//! let taken_over = "state transition: BACKUP -> MASTER (master timed out (inet))".to_owned();
//! assert!(told.contains(&(3_000_000, taken_over)));
//! # Ok(())
//! # }
//! ```
//!
//! Rules and their sections refer to `docs/carp-protocol.md` of this project.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub use carp_proto;

mod action;
pub use action::Action;
mod config;
pub use config::{Lladdr, NodeConfig, VirtualHost};
mod counters;
pub use counters::{Counters, Refusal};
mod demotion;
pub use demotion::{Ailment, Demotion, Owner};
mod dialect;
pub use dialect::{ChecksumCover, DemotionForm, Dialect, UnknownDialect};
mod election;
pub use election::Claim;
mod event;
pub use event::{Event, Heard, Reason, State};
mod history;
pub use history::{Clock, Facts, LastHeard, Transition, Wait};
mod host;
pub use host::{LastTransition, Peer, Stranger, Trouble};
mod id;
pub use id::{HostId, LinkId};
mod input;
pub use input::{Command, Damage, Input, LinkState, TakenDown};
mod interval;
pub use interval::Interval;
mod node;
pub use node::{ConfigError, HostView, Node};
mod random;
mod saved;
pub use saved::{SavedHost, SavedNode};
mod speaker;
pub use speaker::{Speaker, Speakers};
#[cfg(test)]
mod testing;
mod timers;
pub use timers::{Deadline, Timer};
mod timestamp;
pub use timestamp::Timestamp;
