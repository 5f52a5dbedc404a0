//! What was received, refused and sent, counted as OpenBSD counts it.
//!
//! Source: `docs/carp-protocol.md §3`; the field names are those of the kernels without `carps_`.

use carp_proto::Family;

use crate::host::Outcome;

/// Counters of a node or of one virtual host. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct Counters {
    /// IPv4 packets received, good or bad.
    pub ipackets: u64,
    /// IPv6 packets received, good or bad.
    pub ipackets6: u64,
    /// Neither received nor refused: dropped by the platform during a flood of what would have been
    /// refused ([`Input::Filtered`](crate::Input::Filtered)).
    pub filtered: u64,
    /// Refused: came in on a link that carries no virtual host.
    pub badif: u64,
    /// Refused: the hop limit was not 255.
    pub badttl: u64,
    /// Refused: shorter than an advertisement.
    pub badlen: u64,
    /// Refused: wrong checksum.
    pub badsum: u64,
    /// Refused: no virtual host that is up has this vhid, or not for this destination.
    pub badvhid: u64,
    /// Refused: the version was not 2.
    pub badver: u64,
    /// Refused: the digest was not made with this key, vhid and address list; own adverts that
    /// came back count here too.
    pub badauth: u64,
    /// Of `badauth`: own adverts that came back.
    pub reflected: u64,
    /// IPv4 packets sent.
    pub opackets: u64,
    /// IPv6 packets sent.
    pub opackets6: u64,
    /// Sends that the network refused.
    pub oerrors: u64,
    /// Of `oerrors`: for want of memory.
    pub onomem: u64,
    /// Transitions to master.
    pub preempt: u64,
    /// Transitions, whatever to.
    pub transitions: u64,
    /// Freezes: times that nothing was done for so long that others must have taken this node for
    /// dead.
    pub freezes: u64,
    /// Incidents: times that somebody else changed what a virtual host needs; all within a second
    /// is one.
    pub incidents: u64,
}

impl Counters {
    /// All that was refused.
    pub const fn refused(&self) -> u64 {
        let Self {
            badif,
            badttl,
            badlen,
            badsum,
            badvhid,
            badver,
            badauth,
            ..
        } = *self;
        badif + badttl + badlen + badsum + badvhid + badver + badauth
    }

    pub(crate) fn received(&mut self, family: Family) {
        match family {
            Family::Inet => self.ipackets += 1,
            Family::Inet6 => self.ipackets6 += 1,
        }
    }

    pub(crate) fn sent(&mut self, family: Family, outcome: Outcome) {
        match (outcome, family) {
            (Outcome::Sent(_), Family::Inet) => self.opackets += 1,
            (Outcome::Sent(_), Family::Inet6) => self.opackets6 += 1,
            (Outcome::Failed, _) => self.oerrors += 1,
            (Outcome::NoMemory, _) => {
                self.oerrors += 1;
                self.onomem += 1;
            }
        }
    }
}

/// Why an advert was refused (`docs/carp-protocol.md §3`), one for each counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing is heard (see [`NodeConfig::allow`](crate::NodeConfig::allow)); for this one there
    /// is no counter.
    #[error("not listened to")]
    NotAllowed,
    /// It came in on a link that carries no virtual host.
    #[error("no virtual host on this interface")]
    BadInterface,
    /// The hop limit was not 255: it may have come through a router.
    #[error("hop limit is not 255")]
    BadHopLimit,
    /// It was shorter than an advertisement.
    #[error("too short")]
    BadLength,
    /// Its checksum was wrong.
    #[error("bad checksum")]
    BadChecksum,
    /// No virtual host that is up has its vhid, or hears its destination.
    #[error("unknown vhid")]
    BadVhid,
    /// Its version was not 2.
    #[error("bad version")]
    BadVersion,
    /// Its digest was not made with this key, vhid and address list.
    #[error("bad digest: key or address list differ")]
    BadDigest,
    /// It is an own advert that came back.
    #[error("own advert came back")]
    Reflected,
}

impl Refusal {
    pub(crate) fn count(self, counters: &mut Counters) {
        match self {
            Self::NotAllowed => {}
            Self::BadInterface => counters.badif += 1,
            Self::BadHopLimit => counters.badttl += 1,
            Self::BadLength => counters.badlen += 1,
            Self::BadChecksum => counters.badsum += 1,
            Self::BadVhid => counters.badvhid += 1,
            Self::BadVersion => counters.badver += 1,
            Self::BadDigest => counters.badauth += 1,
            Self::Reflected => {
                counters.badauth += 1;
                counters.reflected += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use carp_proto::Family;

    use super::{Counters, Refusal};
    use crate::host::Outcome;

    #[test]
    fn what_was_sent_is_counted_by_family_and_what_was_not_by_reason() {
        let mut counters = Counters::default();
        let [inet, inet6] = ["192.0.2.2", "fe80::2"].map(|source| source.parse().unwrap());
        for _ in 0..2 {
            counters.sent(Family::Inet, Outcome::Sent(inet));
            counters.sent(Family::Inet6, Outcome::Sent(inet6));
            counters.sent(Family::Inet6, Outcome::Sent(inet6));
            counters.sent(Family::Inet, Outcome::NoMemory);
            counters.sent(Family::Inet6, Outcome::Failed);
        }
        assert_eq!((counters.opackets, counters.opackets6), (2, 4));
        assert_eq!((counters.oerrors, counters.onomem), (4, 2));
    }

    #[test]
    fn what_was_refused_is_counted_once() {
        let mut counters = Counters::default();
        let all = [
            (Refusal::NotAllowed, 0),
            (Refusal::BadInterface, 1),
            (Refusal::BadHopLimit, 2),
            (Refusal::BadLength, 3),
            (Refusal::BadChecksum, 4),
            (Refusal::BadVhid, 5),
            (Refusal::BadVersion, 6),
            (Refusal::BadDigest, 7),
            (Refusal::Reflected, 8),
        ];
        for (refusal, so_far) in all {
            refusal.count(&mut counters);
            assert_eq!(counters.refused(), so_far, "{refusal}");
        }
        assert_eq!((counters.badauth, counters.reflected), (2, 1));
    }
}
