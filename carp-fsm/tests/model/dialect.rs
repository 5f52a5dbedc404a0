//! Where the implementations differ, each difference in one place.

use super::claim::{Claim, Interval};

/// Whose behaviour a host shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// §10: OpenBSD's comparison and demotion with everybody else's master-down time.
    Portable,
    /// [O] r1.370.
    OpenBsd,
    /// [O-old], before about 2022.
    OpenBsdOld,
    FreeBsd,
    NetBsd,
    Ucarp,
}

impl Dialect {
    pub const ALL: [Self; 6] = [
        Self::Portable,
        Self::OpenBsd,
        Self::OpenBsdOld,
        Self::FreeBsd,
        Self::NetBsd,
        Self::Ucarp,
    ];

    /// The skew that is compared and sent (§4.2, §5.3, §5.4).
    pub fn effective_skew(self, skew: u8, demotion: i32) -> u8 {
        match self {
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld => skew,
            Self::FreeBsd => saturated(i32::from(skew) + demotion).min(240),
            Self::NetBsd | Self::Ucarp if demotion > 0 => skew.max(240),
            Self::NetBsd | Self::Ucarp => skew,
        }
    }

    /// Whether byte 4 of an advert is a demotion, sent and compared (§1.1, §4.2).
    pub fn has_demote_byte(self) -> bool {
        match self {
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld => true,
            Self::FreeBsd | Self::NetBsd | Self::Ucarp => false,
        }
    }

    /// What a host of this dialect claims.
    pub fn claim(self, configured: Interval, demotion: i32) -> Claim {
        Claim {
            interval: configured.with_skew(self.effective_skew(configured.skew, demotion)),
            demotion: if self.has_demote_byte() {
                saturated(demotion)
            } else {
                0
            },
        }
    }

    /// What a host of this dialect reads in an advert.
    pub fn claim_heard(self, interval: Interval, byte_4: u8) -> Claim {
        let demotion = if self.has_demote_byte() { byte_4 } else { 0 };
        Claim { interval, demotion }
    }

    /// Whether rule c is left out for a backup with advbase 0 (§4.3).
    pub fn ignores_slow_masters_at_base_0(self) -> bool {
        match self {
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld => true,
            Self::FreeBsd | Self::NetBsd | Self::Ucarp => false,
        }
    }

    /// Whether the source addresses decide between equal claims (§4.3.2, §10.6), and who loses
    /// sends a last advert as it yields (§4.3).
    pub fn breaks_ties(self) -> bool {
        self == Self::Ucarp
    }

    /// Whether all of the interval counts three times in the master-down time (§4.4, §10.8).
    pub fn triples_skew(self) -> bool {
        self == Self::OpenBsd
    }

    /// Whether the first interval of a new master leaves out the demotion (§4.4).
    pub fn begins_undemoted(self) -> bool {
        self == Self::FreeBsd
    }

    /// Whether the counter stays what it was drawn as (§2.4, §10.3).
    pub fn keeps_counter(self) -> bool {
        match self {
            Self::Portable | Self::OpenBsd | Self::OpenBsdOld => true,
            Self::FreeBsd | Self::NetBsd | Self::Ucarp => false,
        }
    }

    /// Whether an advert over a family of which the host has no address is refused (§3, step 7).
    pub fn wants_address_of_family(self) -> bool {
        self == Self::FreeBsd
    }
}

/// A demotion or demoted skew, in the byte that carries it.
fn saturated(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
}
