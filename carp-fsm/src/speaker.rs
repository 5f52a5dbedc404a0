//! Who may have sent an advert: what the wire gives away of the implementation.
//!
//! Sources: `docs/carp-protocol.md §1`, §2.2, §2.4, §4.7. Each fact rules some implementations out;
//! what is left may still be several, because adverts do not say what they are made by. Whoever has
//! the key can send adverts that look like those of any.

use core::fmt;
use core::net::IpAddr;

use carp_proto::{AdvertHeaders, Advertisement, ChecksumForm, DigestForm, Envelope, Family};

/// An implementation of CARP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Speaker {
    /// OpenBSD.
    OpenBsd,
    /// FreeBSD.
    FreeBsd,
    /// NetBSD, and DragonFly over IPv4.
    NetBsd,
    /// The program `ucarp`.
    Ucarp,
    /// This one, in any of its dialects.
    Carpctl,
}

/// Some of the implementations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Speakers(u8);

impl Speaker {
    /// All that are known.
    pub const ALL: [Self; 5] = [
        Self::OpenBsd,
        Self::FreeBsd,
        Self::NetBsd,
        Self::Ucarp,
        Self::Carpctl,
    ];

    /// Its name, which is that of its [`Dialect`](crate::Dialect) where it has one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenBsd => "openbsd",
            Self::FreeBsd => "freebsd",
            Self::NetBsd => "netbsd",
            Self::Ucarp => "ucarp",
            Self::Carpctl => "carpctl",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Speakers {
    /// All of them: nothing is known.
    pub const ALL: Self = Self(0b1_1111);

    /// Whether `speaker` is among them.
    pub const fn contains(self, speaker: Speaker) -> bool {
        self.0 & speaker.bit() != 0
    }

    /// Those that are left, in the order of [`Speaker::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Speaker> {
        let all = Speaker::ALL.into_iter();
        all.filter(move |speaker| self.contains(*speaker))
    }

    /// Those that are among both; where there are none, the facts contradict each other, and
    /// `newer` is what counts.
    pub(crate) const fn and(self, newer: Self) -> Self {
        match self.0 & newer.0 {
            0 => newer,
            both => Self(both),
        }
    }

    /// Those that may have sent `advert` in `envelope`, with a checksum of this form;
    /// `digest` is its form, where it differs from the other one.
    pub(crate) fn of(
        advert: &Advertisement,
        envelope: &Envelope,
        checksum: Option<ChecksumForm>,
        digest: Option<DigestForm>,
    ) -> Self {
        use Speaker as S;
        let family = envelope.family();
        let mut left = Self::ALL;
        if family == Family::Inet6 {
            left = left.without(&[S::Ucarp]);
        }
        // §1.1: only OpenBSD has a demotion there.
        if advert.demotion != 0 {
            left = left.without(&[S::FreeBsd, S::NetBsd, S::Ucarp]);
        }
        // §4.7: the others never bow out.
        if advert.is_bow_out() {
            left = left.without(&[S::FreeBsd, S::Ucarp]);
        }
        // §7.5: not to be configured there.
        if advert.advbase == 0 {
            left = left.without(&[S::FreeBsd]);
        }
        if matches!(checksum, Some(ChecksumForm::PseudoHeader { .. })) {
            left = left.without(&[S::OpenBsd, S::FreeBsd, S::Ucarp]);
        }
        left = match digest {
            Some(DigestForm::WithLinkLocal) => left.without(&[S::OpenBsd, S::Ucarp]),
            Some(DigestForm::WithoutLinkLocal) => left.without(&[S::FreeBsd, S::NetBsd]),
            None => left,
        };
        // §1.3; FreeBSD's can be configured, which hardly anybody does.
        let usual = match family {
            Family::Inet => AdvertHeaders::TOS,
            Family::Inet6 => 0,
        };
        match envelope.traffic_class {
            Some(CLASS_OF_FREEBSD) => left.without(&[S::OpenBsd, S::NetBsd, S::Ucarp]),
            Some(class) if class == usual => left.without(&[S::FreeBsd]),
            Some(_) | None => left,
        }
    }

    /// Those that may have sent two adverts in a row with these counters and identifications.
    pub(crate) fn of_pair(counters: [u64; 2], identifications: [Option<u16>; 2]) -> Self {
        use Speaker as S;
        let [before, now] = counters;
        // §2.4: drawn once, or another in each packet.
        let left = if before == now {
            Self::ALL.without(&[S::FreeBsd, S::NetBsd, S::Ucarp])
        } else {
            Self::ALL.without(&[S::OpenBsd, S::Carpctl])
        };
        // §1.3: a random number is hardly 0 twice. Linux, which makes ours, does either.
        match identifications {
            [Some(0), Some(0)] => left.without(&[S::OpenBsd, S::Ucarp]),
            [_, Some(1..)] => left.without(&[S::NetBsd]),
            [_, Some(0) | None] => left,
        }
    }

    const fn without(self, speakers: &[Speaker]) -> Self {
        let mut left = self.0;
        let mut rest = speakers;
        while let [speaker, others @ ..] = rest {
            left &= !speaker.bit();
            rest = others;
        }
        Self(left)
    }
}

impl Default for Speakers {
    fn default() -> Self {
        Self::ALL
    }
}

/// `openbsd|carpctl`, or `unknown` where nothing is ruled out.
impl fmt::Display for Speakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("unknown");
        }
        for (number, speaker) in self.iter().enumerate() {
            if number > 0 {
                f.write_str("|")?;
            }
            f.write_str(speaker.name())?;
        }
        Ok(())
    }
}

/// The form of a digest, where the list has link-local addresses, so that there are two.
pub(crate) fn telling(
    form: DigestForm,
    mut list: impl Iterator<Item = IpAddr>,
) -> Option<DigestForm> {
    let is_link_local =
        |address: IpAddr| matches!(address, IpAddr::V6(ip) if ip.is_unicast_link_local());
    list.any(is_link_local).then_some(form)
}

/// That of FreeBSD's default `net.inet.carp.dscp`, 56 (§1.3).
const CLASS_OF_FREEBSD: u8 = 56 << 2;

#[cfg(test)]
mod tests;
