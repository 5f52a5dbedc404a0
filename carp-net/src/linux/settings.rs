//! Settings of one interface: what `net.ipv4.conf.IF` and `net.ipv6.conf.IF` say.
//!
//! Those of IPv4 go through rtnetlink, which needs no writable `/proc/sys` (containers have none),
//! goes by the index, and fits into a batch. Those of IPv6 have no other way than `/proc/sys`;
//! it shows the network namespace of the thread that looks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;

use netlink_packet_core::{DefaultNla, Emitable as _, NLA_F_NESTED};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet, AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkMessage,
};

use super::interface;
use super::journal::Journal;
use super::netlink::{Attributes, Connection, Refusal, Request};

/// A setting of IPv4, by its number in `linux/ip.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Inet {
    /// 2: a packet is good if its source can be reached somehow.
    RpFilter = 8,
    /// 2: ARP requests name an address of the right network, and never the one of a packet.
    ArpAnnounce = 18,
    /// 1: answer ARP only for addresses of this very interface.
    ArpIgnore = 19,
    /// 1: the secondaries of an address that goes away stay.
    PromoteSecondaries = 20,
    /// 1: tell neighbours when coming up.
    ArpNotify = 22,
    /// 1: packets from an address of this host are no martians.
    AcceptLocal = 23,
}

impl Inet {
    const ALL: [Self; 6] = [
        Self::RpFilter,
        Self::ArpAnnounce,
        Self::ArpIgnore,
        Self::PromoteSecondaries,
        Self::ArpNotify,
        Self::AcceptLocal,
    ];

    /// What it is called under `net.ipv4.conf.IF`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RpFilter => "rp_filter",
            Self::ArpAnnounce => "arp_announce",
            Self::ArpIgnore => "arp_ignore",
            Self::PromoteSecondaries => "promote_secondaries",
            Self::ArpNotify => "arp_notify",
            Self::AcceptLocal => "accept_local",
        }
    }

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

/// Settings and their values.
pub(super) type Values = Vec<(Inet, u32)>;

/// What an interface with a virtual MAC address must be like, whatever the host's defaults are.
///
/// `rp_filter` 2 works with whatever `conf.all` says, 0 does not. The rest sees to it that only
/// its own addresses are answered for and named, and only when we say so.
pub(super) const OF_CARP: [(Inet, u32); 6] = [
    (Inet::RpFilter, 2),
    (Inet::ArpAnnounce, 2),
    (Inet::ArpIgnore, 1),
    (Inet::PromoteSecondaries, 1),
    (Inet::ArpNotify, 0),
    (Inet::AcceptLocal, 0),
];

/// What a carpdev must be like while it is watched: it leaves the virtual addresses to the carp
/// interface, and hears adverts that come from an address of this host.
pub(super) const OF_CARPDEV: [(Inet, u32); 3] = [
    (Inet::ArpAnnounce, 2),
    (Inet::ArpIgnore, 1),
    (Inet::AcceptLocal, 1),
];

/// Of IPv6, for an interface with a virtual MAC address: nothing speaks of its own accord, and
/// nobody's router advertisement gives it an address or a route.
pub(super) const OF_CARP_INET6: [(&str, &str); 6] = [
    ("accept_ra", "0"),
    ("autoconf", "0"),
    ("router_solicitations", "0"),
    ("accept_dad", "0"),
    ("dad_transmits", "0"),
    ("ndisc_notify", "0"),
];

/// Asks the kernel to set some settings of the interface with this index.
pub(super) fn set(index: u32, values: &[(Inet, u32)]) -> Request {
    let nested = |kind: u16, values: &[DefaultNla]| {
        let mut bytes = vec![0; values.buffer_len()];
        values.emit(&mut bytes);
        DefaultNla::new(kind | NLA_F_NESTED, bytes)
    };
    let values: Vec<_> = values
        .iter()
        .map(|(setting, value)| DefaultNla::new(*setting as u16, value.to_ne_bytes().to_vec()))
        .collect();
    let inet = AfSpecInet::Other(nested(INET_CONF, &values));
    set_family(index, AfSpecUnspec::Inet(vec![inet]))
}

/// Asks the kernel to give the interface no IPv6 address by itself.
pub(super) fn no_address_generation(index: u32) -> Request {
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    set_family(index, AfSpecUnspec::Inet6(vec![mode]))
}

fn set_family(index: u32, settings: AfSpecUnspec) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
        .attributes
        .push(LinkAttribute::AfSpecUnspec(vec![settings]));
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// The values that `settings` have on the interface with this index.
pub(super) fn get(
    connection: &mut Connection,
    index: u32,
    settings: impl IntoIterator<Item = Inet>,
) -> Result<Values, Refusal> {
    let numbers = numbers(connection, index, AF_INET, INET_CONF)?;
    let value = |setting: Inet| {
        // The first of them has number 1.
        let value = numbers.get(usize::from(setting as u16) - 1)?;
        Some((setting, *value))
    };
    Ok(settings.into_iter().filter_map(value).collect())
}

/// Whether this host forwards the IPv6 packets of the interface with this index.
pub(super) fn forwards_inet6(connection: &mut Connection, index: u32) -> Result<bool, Refusal> {
    let numbers = numbers(connection, index, AF_INET6, INET6_CONF)?;
    Ok(numbers.first().is_some_and(|forwarding| *forwarding != 0))
}

/// The settings of a family, a number each; none where the interface has no such family.
fn numbers(
    connection: &mut Connection,
    index: u32,
    family: u16,
    conf: u16,
) -> Result<Vec<u32>, Refusal> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    let answer = connection.get(RouteNetlinkMessage::GetLink(message))?;
    let payload = answer.first().map_or(&[][..], |answer| &answer.payload);
    let conf = Attributes::behind(payload, LINK_HEADER)
        .get(AF_SPEC)
        .and_then(|spec| spec.nested().get(family))
        .and_then(|settings| settings.nested().get(conf));
    let (numbers, _) = conf.map_or(&[][..], |conf| conf.bytes()).as_chunks();
    Ok(numbers
        .iter()
        .map(|bytes| u32::from_ne_bytes(*bytes))
        .collect())
}

/// Settings that were changed, and what they were before.
#[derive(Debug)]
pub(super) struct Borrowed {
    index: u32,
    before: Values,
    set: Values,
}

impl Borrowed {
    /// Sets `values` on the interface with this index.
    pub(super) fn set(
        connection: &mut Connection,
        journal: &mut Journal,
        index: u32,
        values: &[(Inet, u32)],
    ) -> Result<Self, Refusal> {
        let names = values.iter().map(|(setting, _)| *setting);
        let now = get(connection, index, names)?;
        let before = journal.before(index, &now);
        let link = interface::get(connection, index)?;
        let name = link.map_or_else(String::new, |link| link.name);
        journal.note_settings(index, &name, &before, values);
        // The kernel repeats its MLD reports after each such request.
        let mut missing = values.to_vec();
        missing.retain(|value| !now.contains(value));
        if !missing.is_empty() {
            connection.all(vec![set(index, &missing)])?;
        }
        let set = values.to_vec();
        Ok(Self { index, before, set })
    }

    /// Those that a former run has changed and not put back.
    pub(super) fn found(journal: &Journal, index: u32) -> Self {
        let (before, set) = journal.settings(index);
        Self { index, before, set }
    }

    /// Puts back what was there before, except where somebody has changed it since.
    pub(super) fn put_back(
        self,
        connection: &mut Connection,
        journal: &mut Journal,
    ) -> Result<(), Refusal> {
        let index = self.index;
        let done = self.restore(connection);
        match &done {
            Err(refusal) if !refusal.is(libc::ENODEV) => {}
            _ => journal.forget_settings(index),
        }
        done
    }

    fn restore(self, connection: &mut Connection) -> Result<(), Refusal> {
        let names = self.before.iter().map(|(setting, _)| *setting);
        let now = get(connection, self.index, names)?;
        let mut before = self.before;
        before.retain(|(setting, value)| {
            let ours = |(name, set): &(Inet, u32)| name == setting && now.contains(&(*name, *set));
            self.set.iter().any(ours) && !now.contains(&(*setting, *value))
        });
        if before.is_empty() {
            return Ok(());
        }
        connection.all(vec![set(self.index, &before)])
    }
}

/// Sets the settings of IPv6 of an interface. Where there is no IPv6 there is nothing to set.
/// Where `/proc/sys` may not be written to and a value is not right, this says what to do, once,
/// and goes on: neither is needed for an election, and the egress filter keeps the peace.
pub(super) fn set_inet6(interface: &str, values: &[(&str, &str)]) {
    let directory = PathBuf::from("/proc/sys/net/ipv6/conf").join(interface);
    for (name, value) in values {
        match write(&directory.join(name), value) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                static WARNED: Once = Once::new();
                WARNED.call_once(|| {
                    tracing::warn!(
                        interface,
                        %error,
                        "net.ipv6.conf.{interface}.{name} cannot be set to {value}: set \
                         net.ipv6.conf.default.{name}={value} from where /proc/sys is writable"
                    );
                });
            }
            _ => {}
        }
    }
}

fn write(file: &Path, value: &str) -> io::Result<()> {
    fs::write(file, value).or_else(|error| {
        let is_right = fs::read_to_string(file).is_ok_and(|now| now.trim() == value);
        if is_right { Ok(()) } else { Err(error) }
    })
}

/// `struct ifinfomsg`.
const LINK_HEADER: usize = 16;
const AF_SPEC: u16 = 26;
const AF_INET: u16 = 2;
const INET_CONF: u16 = 1;
const AF_INET6: u16 = 10;
const INET6_CONF: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_good_if_it_is_right() {
        // Read-only for everybody.
        let file = Path::new("/proc/sys/kernel/osrelease");
        let right = fs::read_to_string(file).unwrap();
        assert!(write(file, right.trim()).is_ok());
        assert!(write(file, "something else").is_err());
        assert!(write(Path::new("/proc/sys/no-such-setting"), "0").is_err());
    }

    #[test]
    fn settings_are_laid_out_as_the_kernel_reads_them() {
        let request = set(7, &[(Inet::ArpIgnore, 1), (Inet::RpFilter, 2)]);
        let RouteNetlinkMessage::SetLink(message) = request.message else {
            panic!("{:?}", request.message);
        };
        assert_eq!(message.header.index, 7);
        let mut bytes = vec![0; message.attributes.as_slice().buffer_len()];
        message.attributes.as_slice().emit(&mut bytes);
        let conf = Attributes::behind(&bytes, 0)
            .get(AF_SPEC)
            .and_then(|spec| spec.nested().get(AF_INET))
            .and_then(|inet| inet.nested().get(INET_CONF))
            .unwrap()
            .nested();
        assert_eq!(conf.get(19).and_then(|value| value.u32()), Some(1));
        assert_eq!(conf.get(8).and_then(|value| value.u32()), Some(2));
        assert!(conf.get(18).is_none());
    }
}
