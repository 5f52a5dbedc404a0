//! Where the kernels differ: one named rule for each difference, and nothing of it elsewhere.
//!
//! Sources: `docs/carp-protocol.md §2`, §4, §5 and, for `portable`, §10. A rule is what the
//! implementation of that name does, unless this project promises less loss or fewer masters; its
//! documentation says so then (*ours*).

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use core::time::Duration;

use carp_proto::{AdvertHeaders, Advertisement, DigestForm, Envelope, Family};

use crate::Interval;
use crate::election::Claim;

/// Whose CARP the peers of a virtual host speak.
///
/// ```
/// use carp_fsm::{Dialect, Interval};
///
/// let interval = Interval::from_octets(1, 100);
/// assert_eq!(Dialect::FreeBsd.master_down(interval).as_micros(), 3_390_625);
/// assert_eq!(Dialect::OpenBsd.master_down(interval).as_micros(), 4_171_875);
/// assert_eq!("openbsd-old".parse(), Ok(Dialect::OpenBsdOld));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// What works with all of them: OpenBSD's comparison, the master-down time of the others.
    #[default]
    Portable,
    /// OpenBSD of today.
    OpenBsd,
    /// OpenBSD before about 2022, which waits less for a slow master.
    OpenBsdOld,
    /// FreeBSD.
    FreeBsd,
    /// NetBSD, and DragonFly over IPv4.
    NetBsd,
    /// The program `ucarp`.
    Ucarp,
}

/// How adverts say that their sender is demoted (`docs/carp-protocol.md §4.2`, §10 rule 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "two places, and both")]
pub enum DemotionForm {
    /// In byte 4, which OpenBSD compares and the others ignore.
    Byte,
    /// In a larger advskew, which all compare.
    Skew,
    /// In both, for clusters of OpenBSD and others.
    Both,
}

impl DemotionForm {
    const fn has_byte(self) -> bool {
        matches!(self, Self::Byte | Self::Both)
    }

    /// What stands in byte 4 of the adverts of a node demoted by `demotion`.
    pub(crate) fn byte_4(self, demotion: i32) -> u8 {
        if self.has_byte() {
            saturated(demotion)
        } else {
            0
        }
    }
}

/// What the checksum of an advert covers over IPv6 (`docs/carp-protocol.md §1.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a further form would be another protocol"
)]
pub enum ChecksumCover {
    /// The 36 bytes alone.
    Packet,
    /// The IPv6 pseudo-header too. It holds the source, so that whoever sends the packet computes
    /// this checksum.
    PseudoHeader,
}

impl Dialect {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Portable,
        Self::OpenBsd,
        Self::OpenBsdOld,
        Self::FreeBsd,
        Self::NetBsd,
        Self::Ucarp,
    ];

    /// Its name, as the operator writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::OpenBsd => "openbsd",
            Self::OpenBsdOld => "openbsd-old",
            Self::FreeBsd => "freebsd",
            Self::NetBsd => "netbsd",
            Self::Ucarp => "ucarp",
        }
    }

    // ---- §1, §2: what is sent ----

    /// What checksums over IPv6 cover (§1.2, item 3). Either form is accepted from everybody.
    pub const fn checksum_cover(self, family: Family) -> ChecksumCover {
        match (self, family) {
            (Self::NetBsd, Family::Inet6) => ChecksumCover::PseudoHeader,
            (Self::NetBsd, Family::Inet)
            | (Self::Portable | Self::OpenBsd | Self::OpenBsdOld, _)
            | (Self::FreeBsd | Self::Ucarp, _) => ChecksumCover::Packet,
        }
    }

    /// The IPv4 TOS or IPv6 traffic class of adverts (§1.3). No receiver looks at it.
    pub const fn traffic_class(self, family: Family) -> u8 {
        let usual = match family {
            Family::Inet => AdvertHeaders::TOS,
            Family::Inet6 => 0,
        };
        match self {
            Self::FreeBsd => DSCP_OF_FREEBSD << 2,
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld | Self::NetBsd | Self::Ucarp => usual,
        }
    }

    /// Whether the digest that is sent covers link-local addresses (§2.2, items 4 and 5). Either
    /// form is accepted from everybody.
    pub const fn digest_form(self) -> DigestForm {
        match self {
            Self::FreeBsd | Self::NetBsd => DigestForm::WithLinkLocal,
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld | Self::Ucarp => {
                DigestForm::WithoutLinkLocal
            }
        }
    }

    /// Whether the digest covers a link-layer address of the operator's choice (§2.2, item 3).
    pub const fn hashes_manual_lladdr(self) -> bool {
        match self {
            Self::OpenBsd | Self::OpenBsdOld => true,
            Self::Portable | Self::FreeBsd | Self::NetBsd | Self::Ucarp => false,
        }
    }

    // ---- §3: what is heard ----

    /// Whether a virtual host hears a packet with this destination, `has_peers` saying that it has
    /// unicast peers of the packet's family (§3, item 1; §10). Another group or a broadcast is
    /// heard by nobody.
    pub(crate) fn hears_destination(self, envelope: &Envelope, has_peers: bool) -> bool {
        match self {
            Self::OpenBsd | Self::OpenBsdOld if has_peers => envelope.is_unicast(),
            Self::OpenBsd | Self::OpenBsdOld => envelope.is_to_group(),
            // So that nodes can be changed from the group to peers one after the other.
            Self::Portable | Self::FreeBsd => envelope.is_to_group() || envelope.is_unicast(),
            // Nobody there has peers; a node of ours that has hears them.
            Self::NetBsd | Self::Ucarp => {
                envelope.is_to_group() || (has_peers && envelope.is_unicast())
            }
        }
    }

    /// Whether a unicast advert may come through a router to a host with unicast peers (§3,
    /// item 2): its hop limit says nothing then.
    pub(crate) const fn hears_through_routers(self) -> bool {
        match self {
            Self::Portable | Self::FreeBsd => true,
            Self::OpenBsd | Self::OpenBsdOld | Self::NetBsd | Self::Ucarp => false,
        }
    }

    /// Whether an advert over a family of which the host has no address is refused (§3, step 7).
    pub(crate) const fn wants_address_of_family(self) -> bool {
        match self {
            Self::FreeBsd => true,
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld | Self::NetBsd | Self::Ucarp => false,
        }
    }

    // ---- §4.2, §5: demotion ----

    /// Where adverts say that a node is demoted, unless the operator wants it elsewhere (§4.2).
    pub const fn demotion_form(self) -> DemotionForm {
        match self {
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld => DemotionForm::Byte,
            Self::FreeBsd | Self::NetBsd | Self::Ucarp => DemotionForm::Skew,
        }
    }

    /// What a virtual host claims that is configured with `interval` on a node demoted by
    /// `demotion` (§4.2).
    ///
    /// A demotion in byte 4 is no part of it where the dialect does not look there: whoever compares
    /// what the others do not would yield to everybody.
    pub fn claim(self, interval: Interval, demotion: i32, form: DemotionForm) -> Claim {
        let in_byte = form.has_byte() && self.looks_at_byte_4();
        let in_skew = matches!(form, DemotionForm::Skew | DemotionForm::Both);
        let configured = interval.advskew();
        let skew = if in_skew {
            self.demoted_skew(configured, demotion)
        } else {
            configured
        };
        Claim {
            interval: Interval::from_octets(interval.advbase(), skew),
            demotion: if in_byte { saturated(demotion) } else { 0 },
        }
    }

    /// FreeBSD adds, the others know demoted or not (§4.2, §5.3, §5.4).
    fn demoted_skew(self, advskew: u8, demotion: i32) -> u8 {
        match self {
            Self::FreeBsd => {
                saturated(i32::from(advskew).saturating_add(demotion)).min(DEMOTED_SKEW)
            }
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld | Self::NetBsd | Self::Ucarp => {
                if demotion > 0 {
                    advskew.max(DEMOTED_SKEW)
                } else {
                    advskew
                }
            }
        }
    }

    /// What an advert claims: the others than OpenBSD do not look at byte 4 (§1.1, §4.2).
    pub(crate) const fn claim_of(self, advert: &Advertisement) -> Claim {
        let demotion = if self.looks_at_byte_4() {
            advert.demotion
        } else {
            0
        };
        Claim {
            interval: Interval::of(advert),
            demotion,
        }
    }

    const fn looks_at_byte_4(self) -> bool {
        match self {
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld => true,
            Self::FreeBsd | Self::NetBsd | Self::Ucarp => false,
        }
    }

    /// By how much a virtual host that is unwell demotes its node (§4.7, §5.2–§5.4).
    pub(crate) const fn demotes_by(self) -> i32 {
        match self {
            Self::FreeBsd => 240,
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld | Self::NetBsd | Self::Ucarp => 1,
        }
    }

    // ---- §4.3: the comparison ----

    /// Whether rule c also holds for a backup with advbase 0 (§4.3, BACKUP c).
    pub(crate) const fn leaves_slow_masters_at_advbase_0(self) -> bool {
        match self {
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld => false,
            Self::FreeBsd | Self::NetBsd | Self::Ucarp => true,
        }
    }

    /// Whether the sources of the adverts decide between equal claims, and whoever loses sends a
    /// last advert (§4.3, item 2; §10 rule 6). The others yield both, and wait.
    pub(crate) const fn breaks_ties_by_source(self) -> bool {
        match self {
            Self::Ucarp => true,
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld | Self::FreeBsd | Self::NetBsd => {
                false
            }
        }
    }

    // ---- §4.4: timers ----

    /// Time without a master after which a backup with `interval` takes over (§4.4). With advbase
    /// 0 it is three adverts in every dialect: one would take over from a healthy master.
    pub const fn master_down(self, interval: Interval) -> Duration {
        match self {
            Self::OpenBsd => interval.advert().saturating_mul(3),
            Self::Portable | Self::OpenBsdOld | Self::FreeBsd | Self::NetBsd | Self::Ucarp => {
                interval.master_down()
            }
        }
    }

    /// Whether the first interval of a new master is the configured one, whatever its demotion
    /// (§4.4).
    pub(crate) const fn begins_undemoted(self) -> bool {
        match self {
            Self::FreeBsd => true,
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld | Self::NetBsd | Self::Ucarp => false,
        }
    }
}

/// Whether `own` loses a tie to `heard` by the rule of ucarp: the smaller source wins, each read
/// as a little-endian machine reads it (§4.3, item 2). Equal ones, as of two nodes without an
/// address of their own, decide nothing (ours: ucarp would have two masters for ever).
pub(crate) fn loses_tie(own: IpAddr, heard: IpAddr) -> Option<bool> {
    let as_read = |address| match address {
        IpAddr::V4(ip) => u128::from(u32::from_le_bytes(ip.octets())),
        IpAddr::V6(ip) => u128::from_le_bytes(ip.octets()),
    };
    (heard != own).then(|| as_read(heard) < as_read(own))
}

/// A demotion or a demoted skew, as far as an octet holds it.
fn saturated(value: i32) -> u8 {
    u8::try_from(value.max(0)).unwrap_or(u8::MAX)
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or(UnknownDialect)
    }
}

/// A word that names no dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a dialect: portable, openbsd, openbsd-old, freebsd, netbsd or ucarp")]
#[non_exhaustive]
pub struct UnknownDialect;

/// The skew of a demoted node, and the largest that FreeBSD sends (§4.2).
const DEMOTED_SKEW: u8 = 240;

/// FreeBSD's default `net.inet.carp.dscp` (§1.3).
const DSCP_OF_FREEBSD: u8 = 56;

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn dialects_are_read_as_they_are_written() {
        let names = "portable openbsd openbsd-old freebsd netbsd ucarp";
        let read = names.split(' ').map(str::parse);
        assert!(read.eq(Dialect::ALL.map(Ok)));
        assert!(names.split(' ').eq(Dialect::ALL.map(Dialect::name)));
        let written = Dialect::ALL.map(|dialect| dialect.to_string());
        assert_eq!(written.join(" "), names);
        for unknown in ["", "OpenBSD", "vrrp"] {
            assert_eq!(unknown.parse::<Dialect>(), Err(UnknownDialect));
        }
    }
}
