//! The packet of CARP, the Common Address Redundancy Protocol, and its authentication.
//!
//! Everything here is a function of bytes: no sockets, no clock, no allocation, no `unsafe`, and
//! no panic whatever the input. The election lives in `carp-fsm`, the sockets in `carp-net`.
//!
//! * [`Advertisement`] is the 36-byte packet; [`checksum_is_valid`] and [`Authenticator`] say
//!   whether it can be believed.
//! * [`Vhid`], [`AdvBase`], [`AdvSkew`], [`VirtualAddress`] and [`Key`] are what an operator
//!   configures. Values out of range cannot be held.
//! * [`decode_ip_packet`] takes off the IP header, [`decode_frame`] all headers of a captured
//!   frame; [`advert_frame`], [`arp_announcement`] and [`neighbour_advertisement`] build whole
//!   Ethernet frames.
//!
//! There is no RFC. Sections such as `§2.2` are those of `docs/carp-protocol.md`.
//!
//! # Examples
//!
//! A master signs an advertisement, and a backup that shares its key and its addresses believes it:
//!
//! ```
//! use carp_proto::{
//!     Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key,
//!     Vhid, checksum_is_valid,
//! };
//!
//! let vhid = Vhid::new(1)?;
//! let key = Key::from_password("mekmitasdigoat");
//! let authenticator = Authenticator::new(&key, vhid, ["192.0.2.10".parse()?]);
//!
//! let bytes = Advertisement::new(vhid, 1, 100, 0, 0x0123_4567_89ab_cdef)
//!     .signed(&authenticator, DigestForm::WithoutLinkLocal)
//!     .with_checksum(ChecksumForm::Plain)
//!     .encode();
//!
//! let envelope = Envelope {
//!     source: "192.0.2.2".parse()?,
//!     destination: Family::Inet.group(),
//!     hop_limit: HOP_LIMIT,
//!     traffic_class: None,
//!     identification: None,
//! };
//! assert!(checksum_is_valid(&bytes, &envelope));
//! let advert = Advertisement::decode(&bytes)?;
//! assert!(authenticator.verify(advert.counter, &advert.digest).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! * `bytes` (default): [`Advertisement::encode_into`] any `BufMut`.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod address;
pub use address::{AddressError, VirtualAddress};
mod advertisement;
pub use advertisement::{Advertisement, DecodeError};
mod announcement;
pub use announcement::{ArpForm, arp_announcement, neighbour_advertisement};
mod authenticator;
pub use authenticator::{Authenticator, DigestForm};
mod checksum;
pub use checksum::{ChecksumForm, checksum_is_valid};
mod decoded;
pub use decoded::{AdvertError, DecodedFrame, FrameError, decode_frame};
mod endpoints;
pub use endpoints::{Endpoints, MixedFamilies};
mod envelope;
pub use envelope::{Envelope, HOP_LIMIT, PROTOCOL};
mod family;
pub use family::{Family, GROUP_MAC_V4, GROUP_MAC_V6, GROUP_V4, GROUP_V6};
mod frame;
pub use frame::Frame;
mod headers;
pub use headers::{AdvertHeaders, advert_frame};
mod interval;
pub use interval::{AdvBase, AdvSkew};
mod key;
pub use key::Key;
mod keyed;
mod link;
pub use link::LinkType;
mod mac;
pub use mac::{MacAddress, MacAddressError};
mod packet;
pub use packet::{PacketError, decode_ip_packet};
mod range;
pub use range::OutOfRange;
mod vhid;
pub use vhid::Vhid;
mod vlan;
pub use vlan::{VlanTag, VlanTags};
mod vrrp;
mod wire;
