//! What is shown of one advert: a line of text, or an object of JSON whose fields are always all
//! there.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use carp_net::capture::CapturedPacket;
use carp_net::carp_fsm::carp_proto::{
    AdvertError, Advertisement, ChecksumForm, DecodedFrame, DigestForm, Family, HOP_LIMIT,
};
use serde::Serialize;

use super::verify::Digest;

/// One advert, or what should have been one.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// The number of the packet in the capture, from 1.
    packet: u64,
    /// In UTC, as RFC 3339 has it.
    time: Option<String>,
    /// Where it was captured; only pcapng has that.
    interface: Option<String>,
    /// The ids of its VLAN tags, the outermost one first.
    vlans: Vec<u16>,
    source_mac: Option<String>,
    destination_mac: Option<String>,
    /// `inet` or `inet6`.
    family: String,
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    /// Whether the packet is one part of several.
    fragment: bool,
    /// Whether the frame ends before the packet does.
    truncated: bool,
    /// Of the IPv4 header; nothing over IPv6, which has none.
    ip_checksum: Option<Verdict>,
    /// How many bytes there are of the payload, 36 of which are the advert.
    length: usize,
    #[serde(flatten)]
    fields: Fields,
    #[serde(skip)]
    advert: Option<Advertisement>,
    checksum: Verdict,
    /// `plain` or `pseudo-header`, where it is right.
    checksum_form: Option<&'static str>,
    digest: Verdict,
    /// `with-link-local` or `without-link-local`, where it is right and that makes a difference.
    digest_form: Option<&'static str>,
    /// The link-layer address that the digest covers, if it does.
    digest_lladdr: Option<String>,
    /// Why this is no advert.
    error: Option<String>,
}

/// What an advert says, and nothing where there is none.
#[derive(Debug, Default, Serialize)]
struct Fields {
    version: Option<u8>,
    #[serde(rename = "type")]
    kind: Option<u8>,
    vhid: Option<u8>,
    advbase: Option<u8>,
    advskew: Option<u8>,
    bow_out: Option<bool>,
    demotion: Option<u8>,
    authlen: Option<u8>,
    /// In hexadecimal: few programs that read JSON have integers of 64 bits.
    counter: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Bad,
    Unverified,
}

impl Line {
    pub(super) fn of_advert(
        packet: &CapturedPacket<'_>,
        frame: &DecodedFrame<'_>,
        advert: &Advertisement,
        digest: Digest,
    ) -> Self {
        let checksum = ChecksumForm::of(frame.payload(), frame.envelope());
        let (digest, form, lladdr) = match digest {
            Digest::Good { form, lladdr } => (Verdict::Ok, form, lladdr),
            Digest::Bad => (Verdict::Bad, None, None),
            Digest::Unverified => (Verdict::Unverified, None, None),
        };
        Self {
            fields: Fields::of(advert),
            advert: Some(*advert),
            checksum: Verdict::of(checksum.is_some()),
            checksum_form: checksum.map(|form| match form {
                ChecksumForm::Plain => "plain",
                ChecksumForm::PseudoHeader { .. } => "pseudo-header",
            }),
            digest,
            digest_form: form.map(|form| match form {
                DigestForm::WithoutLinkLocal => "without-link-local",
                DigestForm::WithLinkLocal => "with-link-local",
            }),
            digest_lladdr: lladdr.map(|lladdr| lladdr.to_string()),
            ..Self::of_frame(packet, frame)
        }
    }

    /// Of a packet for CARP that no receiver would take for an advert.
    pub(super) fn of_malformed(
        packet: &CapturedPacket<'_>,
        frame: &DecodedFrame<'_>,
        error: AdvertError,
    ) -> Self {
        Self {
            error: Some(error.to_string()),
            ..Self::of_frame(packet, frame)
        }
    }

    fn of_frame(packet: &CapturedPacket<'_>, frame: &DecodedFrame<'_>) -> Self {
        let envelope = frame.envelope();
        Self {
            packet: packet.number,
            time: packet.time.and_then(rfc_3339),
            interface: packet.interface.map(ToOwned::to_owned),
            vlans: frame.vlan_tags().map(|tag| tag.id()).collect(),
            source_mac: frame.source_mac().map(|mac| mac.to_string()),
            destination_mac: frame.destination_mac().map(|mac| mac.to_string()),
            family: envelope.family().to_string(),
            source: envelope.source,
            destination: envelope.destination,
            ttl: envelope.hop_limit,
            fragment: frame.is_fragment(),
            truncated: frame.is_truncated(),
            ip_checksum: match envelope.family() {
                Family::Inet => Some(Verdict::of(frame.header_checksum_is_valid())),
                Family::Inet6 => None,
            },
            length: frame.payload().len(),
            fields: Fields::default(),
            advert: None,
            checksum: Verdict::Bad,
            checksum_form: None,
            digest: Verdict::Unverified,
            digest_form: None,
            digest_lladdr: None,
            error: None,
        }
    }
}

impl Fields {
    fn of(advert: &Advertisement) -> Self {
        Self {
            version: Some(advert.version),
            kind: Some(advert.kind),
            vhid: Some(advert.vhid),
            advbase: Some(advert.advbase),
            advskew: Some(advert.advskew),
            bow_out: Some(advert.is_bow_out()),
            demotion: Some(advert.demotion),
            authlen: Some(advert.authlen),
            counter: Some(format!("{:016x}", advert.counter)),
        }
    }
}

impl Verdict {
    const fn of(is_right: bool) -> Self {
        if is_right { Self::Ok } else { Self::Bad }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Unverified => "unverified",
        })
    }
}

/// What every advert has comes first, and always in the same order; what is odd comes last.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.time.as_deref().unwrap_or("-"))?;
        if let Some(interface) = &self.interface {
            write!(f, " {}", crate::failure::printable(interface))?;
        }
        if !self.vlans.is_empty() {
            let ids: Vec<String> = self.vlans.iter().map(ToString::to_string).collect();
            write!(f, " vlan {}", ids.join("."))?;
        }
        write!(f, " {}", self.source)?;
        if self.destination != Family::of(self.destination).group() {
            write!(f, " > {}", self.destination)?;
        }
        if let Some(advert) = &self.advert {
            self.write_advert(f, advert)?;
        }
        if let Some(error) = &self.error {
            write!(f, " malformed: {error}")?;
        }
        if self.ttl != HOP_LIMIT {
            write!(f, " ttl {}", self.ttl)?;
        }
        if self.ip_checksum == Some(Verdict::Bad) {
            write!(f, " ip-checksum bad")?;
        }
        if self.fragment {
            write!(f, " fragment")?;
        }
        let has_more = self.length != Advertisement::LEN;
        if self.advert.is_some() && (has_more || self.truncated) {
            let truncated = if self.truncated { " (truncated)" } else { "" };
            write!(f, " length {}{truncated}", self.length)?;
        }
        Ok(())
    }
}

impl Line {
    fn write_advert(&self, f: &mut fmt::Formatter<'_>, advert: &Advertisement) -> fmt::Result {
        let (vhid, advbase, advskew) = (advert.vhid, advert.advbase, advert.advskew);
        write!(f, " vhid {vhid} advbase {advbase} advskew {advskew}")?;
        if advert.is_bow_out() {
            write!(f, " bow-out")?;
        }
        let (demotion, counter) = (advert.demotion, advert.counter);
        write!(f, " demotion {demotion} counter {counter:016x}")?;
        write!(f, " checksum {}", self.checksum)?;
        // Over IPv4 there is but one form.
        if let (IpAddr::V6(_), Some(form)) = (self.source, self.checksum_form) {
            write!(f, " ({form})")?;
        }
        write!(f, " digest {}", self.digest)?;
        if let Some(form) = self.digest_form {
            write!(f, " ({form})")?;
        }
        if let Some(lladdr) = &self.digest_lladdr {
            write!(f, " (lladdr {lladdr})")?;
        }
        for (name, value, usual) in [
            ("version", advert.version, Advertisement::VERSION),
            ("type", advert.kind, Advertisement::TYPE),
            ("authlen", advert.authlen, Advertisement::AUTHLEN),
        ] {
            if value != usual {
                write!(f, " {name} {value}")?;
            }
        }
        Ok(())
    }
}

/// The time in UTC, to the microsecond, and to the nanosecond where it is told so exactly.
fn rfc_3339(time: SystemTime) -> Option<String> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    Some(if time.subsec_nanosecond() % 1_000 == 0 {
        format!("{time:.6}")
    } else {
        format!("{time:.9}")
    })
}

#[cfg(test)]
mod tests;
