//! Whether a virtual host could work here, from what is known, before anything is done.

use carp_fsm::Lladdr;
use carp_fsm::carp_proto::{MacAddress, VirtualAddress};

use super::addresses::MARK;
use super::interface;
use super::links::{Address, Link, Links};
use crate::{Error, ErrorKind, Result, Setup};

/// Says what stands in the way of `setup` on `carpdev` with `addresses`, where there are virtual hosts
/// with the setups `known`.
pub(super) fn check(
    links: &Links,
    carpdev: &str,
    setup: &Setup,
    addresses: &[VirtualAddress],
    known: &[&Setup],
) -> Result<()> {
    check_name(links, &setup.interface)?;
    check_carpdev(links, carpdev)?;
    check_mac(links, carpdev, setup, known)?;
    // What it was told before is no new wish: its carpdev may have shrunk since.
    let is_kept = |other: &&Setup| {
        (&other.interface, other.link, other.mtu) == (&setup.interface, setup.link, setup.mtu)
    };
    if let Some(link) = links.by_name(carpdev)
        && !known.iter().any(is_kept)
    {
        check_mtu(&setup.interface, setup.mtu, link)?;
    }
    for address in addresses {
        // A link-local address is one only on its link.
        let everywhere = !address.is_link_local();
        // What bears our mark moves with the setup; that no other virtual host of this node has
        // it is known before.
        let elsewhere = |(link, found): &(&Link, &Address)| {
            let is_ours = found.mark == MARK || link.name == setup.interface;
            !is_ours && (everywhere || link.name == carpdev)
        };
        if let Some((link, _)) = links.holders(address.ip()).find(elsewhere) {
            let (address, interface) = (address.ip(), link.name.clone());
            let kind = ErrorKind::AddressInUse { address, interface };
            return Err(Error::new(&setup.interface, kind));
        }
    }
    Ok(())
}

fn check_name(links: &Links, name: &str) -> Result<()> {
    if !interface::is_name(name) {
        return Err(Error::new(name, ErrorKind::BadName));
    }
    match links.by_name(name) {
        Some(link) if !link.is_carp() => Err(Error::new(name, ErrorKind::NameTaken)),
        _ => Ok(()),
    }
}

/// The kernel delivers a frame to one interface on a carpdev only, so none of the others may have
/// the link-layer address; of virtual ones the vhid sees to that. The carp interface of another
/// carpdev may, as it may have the same vhid, and one of a former run will have gone.
fn check_mac(links: &Links, carpdev: &str, setup: &Setup, known: &[&Setup]) -> Result<()> {
    let Lladdr::Manual(mac) = setup.lladdr else {
        return Ok(());
    };
    let refuse = |kind| Err(Error::new(&setup.interface, kind));
    if mac.is_multicast() || mac == MacAddress([0; 6]) {
        return refuse(ErrorKind::BadLinkAddress(mac));
    }
    let carpdev = links.by_name(carpdev);
    if let Some(carpdev) = carpdev.filter(|carpdev| carpdev.mac == Some(mac)) {
        let carpdev = carpdev.name.clone();
        return refuse(ErrorKind::LinkAddressOfCarpdev { mac, carpdev });
    }
    let carpdev = carpdev.map(|link| link.index);
    let is_known = |name: &str| known.iter().any(|other| other.interface == name);
    let is_in_the_way = |link: &&Link| {
        let stays = !link.is_carp() || (link.lower == carpdev && is_known(&link.name));
        link.mac == Some(mac) && link.name != setup.interface && stays
    };
    let there = links.all().find(is_in_the_way).map(|link| &link.name);
    // It may not be there yet.
    let will_be = || {
        let mut others = known.iter().filter(|other| other.link == setup.link);
        let has_it = |other: &&&Setup| {
            other.interface_mac() == Some(mac) && other.interface != setup.interface
        };
        others.find(has_it).map(|other| &other.interface)
    };
    match there.or_else(will_be).cloned() {
        Some(interface) => refuse(ErrorKind::LinkAddressInUse { mac, interface }),
        None => Ok(()),
    }
}

/// Says whether the carpdev takes packets as large as `mtu`.
pub(super) fn check_mtu(interface: &str, mtu: Option<u32>, carpdev: &Link) -> Result<()> {
    let Some(mtu) = mtu.filter(|mtu| *mtu > carpdev.mtu) else {
        return Ok(());
    };
    let (carpdev, most) = (carpdev.name.clone(), carpdev.mtu);
    let kind = ErrorKind::MtuTooLarge { mtu, carpdev, most };
    Err(Error::new(interface, kind))
}

fn check_carpdev(links: &Links, name: &str) -> Result<()> {
    if !interface::is_name(name) {
        return Err(Error::new(name, ErrorKind::BadName));
    }
    let Some(link) = links.by_name(name) else {
        return Ok(());
    };
    if link.is_carp() {
        return Err(Error::new(name, ErrorKind::CarpdevIsCarp));
    }
    if let Some(master) = link.master.and_then(|master| links.get(master)) {
        let other = master.name.clone();
        return Err(Error::new(
            name,
            match master.kind.as_deref() {
                Some("bridge") => ErrorKind::BridgePort { bridge: other },
                _ => ErrorKind::Enslaved { master: other },
            },
        ));
    }
    if !link.can_carry_carp() {
        return Err(Error::new(name, ErrorKind::NotEthernet));
    }
    Ok(())
}
