//! Text of reports, line by line as OpenBSD's `ifconfig` writes it (`docs/carp-protocol.md §7.2`).

use std::fmt::{self, Write as _};

use crate::report::{Address, AddressFamily, Carp, Report};

/// Writes what `ifconfig` would show of an interface, the last line ended.
pub(crate) fn interface(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot go wrong.
    match write_interface(&mut text, report) {
        Ok(()) | Err(fmt::Error) => text,
    }
}

fn write_interface(text: &mut String, report: &Report) -> fmt::Result {
    let bits = report.flags.iter().fold(0, |bits, flag| bits | flag.bit());
    let names: Vec<String> = report.flags.iter().map(ToString::to_string).collect();
    writeln!(
        text,
        "{}: flags={bits:x}<{}> mtu {}",
        report.name,
        names.join(","),
        report.mtu
    )?;
    if let Some(lladdr) = &report.lladdr {
        writeln!(text, "\tlladdr {lladdr}")?;
    }
    if let Some(index) = report.index {
        let (priority, llprio) = (report.priority, report.llprio);
        writeln!(text, "\tindex {index} priority {priority} llprio {llprio}")?;
    }
    if let Some(carp) = &report.carp {
        write_carp(text, carp)?;
    }
    writeln!(text, "\tgroups: {}", report.groups.join(" "))?;
    writeln!(text, "\tstatus: {}", report.status)?;
    for address in &report.addresses {
        write_address(text, report, address)?;
    }
    Ok(())
}

fn write_carp(text: &mut String, carp: &Carp) -> fmt::Result {
    let carpdev = carp.carpdev.as_deref().unwrap_or("none");
    writeln!(
        text,
        "\tcarp: {} carpdev {carpdev} vhid {} advbase {} advskew {}",
        carp.state, carp.vhid, carp.advbase, carp.advskew
    )
}

fn write_address(text: &mut String, report: &Report, address: &Address) -> fmt::Result {
    match address.family {
        AddressFamily::Inet => {
            let netmask = !u32::MAX.checked_shr(address.prefixlen.into()).unwrap_or(0);
            write!(text, "\tinet {} netmask 0x{netmask:x}", address.address)?;
            if let Some(broadcast) = address.broadcast {
                write!(text, " broadcast {broadcast}")?;
            }
        }
        AddressFamily::Inet6 => {
            let link_local = is_link_local(address);
            write!(text, "\tinet6 {}", address.address)?;
            if link_local {
                write!(text, "%{}", report.name)?;
            }
            write!(text, " prefixlen {}", address.prefixlen)?;
            if let (true, Some(index)) = (link_local, report.index) {
                write!(text, " scopeid 0x{index:x}")?;
            }
        }
    }
    writeln!(text)
}

fn is_link_local(address: &Address) -> bool {
    match address.address {
        std::net::IpAddr::V4(_) => false,
        std::net::IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
