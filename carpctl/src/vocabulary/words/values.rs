//! Values that stand in words: addresses, netmasks, peers, MAC addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_net::carp_fsm::carp_proto::MacAddress;

use super::{Keyword, Problem, nearest};
use crate::failure::printable;
use crate::vocabulary::change::LladdrWish;
use crate::vocabulary::hooks::MAX_TEXT;
use crate::vocabulary::name::LONGEST_NAME;

/// Words that begin like a number or hold what only addresses hold; keywords never do.
pub(super) fn looks_like_address(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit()) || word.contains([':', '/'])
}

/// Takes apart `ADDRESS[%SCOPE][/LENGTH]`. A length of 0 is none: the kernel would take everything
/// for the network of the interface, and the host would lose its default route.
pub(super) fn split_address(word: &str, interface: &str) -> Result<(IpAddr, Option<u8>), Problem> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word, None),
    };
    let ip = match address.split_once('%') {
        None => address.parse().map_err(|_| Problem::NotAnAddress)?,
        Some((address, scope)) => {
            let ip: Ipv6Addr = address.parse().map_err(|_| Problem::NotAnAddress)?;
            if !ip.is_unicast_link_local() || scope != interface {
                return Err(Problem::WrongScope);
            }
            IpAddr::V6(ip)
        }
    };
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let length = length.map(|length| {
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let number = length
            .parse()
            .ok()
            .filter(|n| digits && (1..=most).contains(n));
        number.ok_or(Problem::PrefixLength(most))
    });
    Ok((ip, length.transpose()?))
}

/// Reads `255.255.255.0` or `0xffffff00`.
pub(super) fn parse_netmask(text: &str) -> Option<Ipv4Addr> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16)
                .ok()
                .map(Ipv4Addr::from_bits)
        }
        Some(_) => None,
        None => text.parse().ok(),
    }
}

/// Whether `word` can only be a netmask, though nothing says so.
pub(super) fn is_bare_netmask(word: &str) -> bool {
    let mask = parse_netmask(word).filter(|mask| prefix_length(*mask).is_some());
    mask.is_some_and(|mask| mask.octets().starts_with(&[0xff]))
}

/// The length of the prefix that `mask` stands for; none where its bits have a gap.
pub(super) fn prefix_length(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let ones = bits.leading_ones();
    (ones == bits.count_ones()).then(|| u8::try_from(ones).ok())?
}

/// Whether one host can have this address, and others reach it there.
pub(super) fn is_host_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            first != 0 && first != 127 && first < 224
        }
        IpAddr::V6(ip) => {
            let mapped = ip.to_ipv4_mapped().is_some();
            !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || mapped)
        }
    }
}

/// Reads the address behind `carppeer`.
pub(super) fn inet_peer(value: &str, keyword: &Keyword) -> Result<Ipv4Addr, Problem> {
    if value.parse::<Ipv6Addr>().is_ok() {
        return Err(Problem::PeerNotInet(keyword.name));
    }
    let is_name = !looks_like_address(value);
    let wrong = |_| Problem::NotAPeerAddress { family: 4, is_name };
    value.parse().map_err(wrong)
}

/// Reads the address behind `peer6`.
pub(super) fn inet6_peer(value: &str, _: &Keyword) -> Result<Ipv6Addr, Problem> {
    let is_scoped = |(ip, _): (&str, &str)| ip.parse::<Ipv6Addr>().is_ok();
    if value.split_once('%').is_some_and(is_scoped) {
        return Err(Problem::PeerScope);
    }
    let is_name = !looks_like_address(value);
    let wrong = |_| Problem::NotAPeerAddress { family: 6, is_name };
    value.parse().map_err(wrong)
}

/// Reads the name behind `carpdev`, which the service would refuse for the same reason.
pub(super) fn link_name(value: &str) -> Result<String, Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':');
    let is_name = matches!(value.len(), 1..=LONGEST_NAME)
        && value.bytes().all(is_allowed)
        && !matches!(value, "." | ".." | "all" | "default");
    is_name
        .then(|| value.to_owned())
        .ok_or(Problem::NotALinkName)
}

/// Reads the path behind `upscript` and the like.
pub(super) fn program(value: &str) -> Result<String, Problem> {
    if !value.starts_with('/') {
        return Err(Problem::NotAbsolute);
    }
    shown(value)
}

/// Reads the text behind `xparam`.
pub(super) fn xparam(value: &str) -> Result<String, Problem> {
    if value.is_empty() {
        return Err(Problem::Empty("-xparam"));
    }
    shown(value)
}

/// A text that is shown in a line and is no burden to a control message.
fn shown(value: &str) -> Result<String, Problem> {
    if value.len() > MAX_TEXT {
        return Err(Problem::TooLong);
    }
    if printable(value) != value {
        return Err(Problem::NotPrintable);
    }
    Ok(value.to_owned())
}

/// Reads the word behind `lladdr`.
pub(super) fn lladdr(value: &str) -> Result<LladdrWish, Problem> {
    match value {
        "vhid" => Ok(LladdrWish::Vhid),
        "carpdev" => Ok(LladdrWish::Carpdev),
        "random" => Ok(LladdrWish::Random),
        value => {
            let mac: MacAddress = value.parse().map_err(|_| Problem::NotALladdr {
                nearest: nearest(value, ["vhid", "carpdev", "random"]),
            })?;
            if mac.is_multicast() || mac == MacAddress([0; 6]) {
                return Err(Problem::NotAHostLladdr);
            }
            Ok(LladdrWish::Manual(mac))
        }
    }
}
