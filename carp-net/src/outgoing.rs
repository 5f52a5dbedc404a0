//! An advert on its way out, as a platform is given it.

use std::net::IpAddr;

use carp_fsm::ChecksumCover;
use carp_fsm::carp_proto::{Advertisement, ChecksumForm, Endpoints};

/// An advert that is to be sent.
///
/// Only whoever sends it knows the source, and NetBSD's checksum over IPv6 covers that: see
/// [`payload_from`](Self::payload_from).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outgoing {
    /// The group or unicast peer it goes to.
    pub to: IpAddr,
    /// The IPv4 TOS or IPv6 traffic class.
    pub traffic_class: u8,
    /// What its checksum is to cover.
    pub checksum: ChecksumCover,
    payload: [u8; Advertisement::LEN],
}

impl Outgoing {
    /// An advert as [`Action::Send`](carp_fsm::Action::Send) has it.
    pub const fn new(
        to: IpAddr,
        payload: [u8; Advertisement::LEN],
        checksum: ChecksumCover,
        traffic_class: u8,
    ) -> Self {
        Self {
            to,
            traffic_class,
            checksum,
            payload,
        }
    }

    /// What follows the IP header where the advert leaves from `source`.
    pub fn payload_from(&self, source: IpAddr) -> [u8; Advertisement::LEN] {
        let covers_addresses = self.checksum == ChecksumCover::PseudoHeader;
        match Endpoints::new(source, self.to) {
            Ok(Endpoints::Inet6 {
                source,
                destination,
            }) if covers_addresses => {
                let form = ChecksumForm::PseudoHeader {
                    source,
                    destination,
                };
                let advert = Advertisement::decode(&self.payload);
                advert.map_or(self.payload, |advert| advert.with_checksum(form).encode())
            }
            Ok(Endpoints::Inet { .. } | Endpoints::Inet6 { .. }) | Err(_) => self.payload,
        }
    }
}
