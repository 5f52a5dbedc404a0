//! Making the place: a carp interface that says nothing yet, or a carpdev made ready for a filter.

use std::io;

use super::{Access, Connection, Error, ErrorKind, Ground, Place, Refusal, Result, Setup};
use super::{egress, interface, settings};
use crate::error::About as _;

impl Place {
    /// Makes it on the carpdev with this index. It is down, if it is a carp interface, and holds
    /// nothing; but one of a former run that suits is kept, and with it what it holds.
    pub(in crate::linux) fn make(access: &mut Access, setup: &Setup, carpdev: u32) -> Result<Self> {
        let name = &setup.interface;
        let ground = ground_of(setup);
        let mut place = Self {
            name: name.clone(),
            vhid: setup.vhid,
            ground,
            mac: setup.interface_mac(),
            carpdev,
            index: carpdev,
            held: Vec::new(),
            until: None,
            quiet: false,
            speech: None,
        };
        let connection = &mut access.connection;
        if let Some(link) = interface::find(connection, name).about(name)? {
            if link.is_carp_on(carpdev, setup) {
                place.index = link.index;
                return place.take_back(access, setup);
            }
            if !link.is_carp() {
                return Err(Error::new(name, ErrorKind::NameTaken));
            }
            tracing::info!(interface = name, "carp interface of a former run removed");
            connection
                .all(vec![interface::delete(link.index)])
                .about(name)?;
        }
        match ground {
            Ground::Own => place.index = make_interface(connection, setup, carpdev)?,
            Ground::Shared => {
                let journal = &mut access.journal;
                let made = access.clsacts.borrow(connection, journal, carpdev);
                let made =
                    made.about(format_args!("{name}: egress filter (sch_ingress, cls_bpf)"))?;
                // A former run may have left a filter in what was there.
                place.quiet = !made;
            }
        }
        Ok(place)
    }
}

fn ground_of(setup: &Setup) -> Ground {
    match setup.interface_mac() {
        Some(_) => Ground::Own,
        None => Ground::Shared,
    }
}

/// Makes a carp interface that will not say a word: it is down, without carrier and filtered.
fn make_interface(connection: &mut Connection, setup: &Setup, carpdev: u32) -> Result<u32> {
    let name = &setup.interface;
    let index = interface::create(connection, name, carpdev, setup.vhid.virtual_mac())
        .map_err(|refusal| explain(connection, name, carpdev, refusal))?;
    let made =
        distinguish(connection, setup, index).and_then(|()| guard(connection, setup, index, false));
    if made.is_err() {
        drop(connection.all(vec![interface::delete(index)]));
    }
    made.map(|()| index)
}

/// Gives an interface with a virtual link-layer address its alias, which says that it is ours, then
/// the link-layer address of the operator's choice, which does not: wherever that ends, the next run
/// knows the interface.
fn distinguish(connection: &mut Connection, setup: &Setup, index: u32) -> Result<()> {
    let name = &setup.interface;
    let alias = interface::set_alias(index, &interface::alias_of(setup.vhid));
    connection.all(vec![alias]).about(name)?;
    match setup.interface_mac() {
        Some(mac) if mac != setup.vhid.virtual_mac() => connection
            .all(vec![interface::set_mac(index, mac)])
            .about(format_args!("{name}: lladdr {mac}")),
        Some(_) | None => Ok(()),
    }
}

/// Does everything that must be so before the interface comes up for the first time. One of a former
/// run that carries addresses keeps its carrier and its filter.
pub(super) fn guard(
    connection: &mut Connection,
    setup: &Setup,
    index: u32,
    carries: bool,
) -> Result<()> {
    let name = &setup.interface;
    let handle = setup.vhid.get().into();
    let filter = if carries {
        egress::set_if_none(index, handle, &egress::quiet())
    } else {
        egress::set(index, handle, &egress::closed())
    };
    let verdicts = connection.each(vec![egress::add_clsact(index), filter]);
    for verdict in verdicts.about(name)? {
        match verdict {
            Err(refusal) if !refusal.is(libc::EEXIST) => {
                let about = format_args!("{name}: egress filter (sch_ingress, cls_bpf)");
                return Err(refusal).about(about);
            }
            _ => {}
        }
    }
    let mut requests = vec![settings::set(index, &settings::OF_CARP)];
    if !carries {
        requests.insert(0, interface::protodown(index, true));
    }
    connection.all(requests).about(name)?;
    match connection.all(vec![settings::no_address_generation(index)]) {
        Ok(()) => settings::set_inet6(name, &settings::OF_CARP_INET6),
        Err(refusal) if refusal.is(libc::EAFNOSUPPORT) => {}
        Err(refusal) => return Err(refusal).about(format_args!("{name}: addrgenmode")),
    }
    Ok(())
}

/// Says what to do: names the bridge where a macvlan is refused because the carpdev is one of its
/// ports, or the privilege that is lacking.
fn explain(connection: &mut Connection, name: &str, carpdev: u32, refusal: Refusal) -> Error {
    if refusal.is(libc::EBUSY)
        && let Ok(Some(port)) = interface::get(connection, carpdev)
        && let Some(master) = port.master
        && let Ok(Some(bridge)) = interface::get(connection, master)
    {
        let bridge = bridge.name;
        return Error::new(port.name, ErrorKind::BridgePort { bridge });
    }
    let lacks_privilege = refusal.is(libc::EPERM);
    let about = if lacks_privilege {
        " (needs CAP_NET_ADMIN)"
    } else {
        ""
    };
    Error::new(format!("{name}{about}"), io::Error::from(refusal))
}
