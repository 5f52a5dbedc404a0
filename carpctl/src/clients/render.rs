//! Text of reports, line by line as OpenBSD's `ifconfig` writes it (`docs/carp-protocol.md §7.2`),
//! and behind that, where there is something to say, what has happened and what is wrong.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::Reason;

use crate::vocabulary::change::{AdvDemoteWish, Peers};
use crate::vocabulary::demotion::GroupReport;
use crate::vocabulary::hooks::Hooks;
use crate::vocabulary::name::PREFIX;
use crate::vocabulary::report::{
    Address, AddressFamily, Carp, CarpdevState, Demotion, Past, Report, Trouble,
};

/// Writes what `ifconfig` would show of an interface, the last line ended.
pub(crate) fn interface(report: &Report) -> String {
    written(report, None)
}

/// The same, with its password.
pub(crate) fn interface_with_password(report: &Report, password: &str) -> String {
    written(report, Some(password))
}

fn written(report: &Report, password: Option<&str>) -> String {
    let mut text = String::new();
    // Writing to a string cannot go wrong.
    match write_interface(&mut text, report, password) {
        Ok(()) | Err(fmt::Error) => text,
    }
}

fn write_interface(text: &mut String, report: &Report, password: Option<&str>) -> fmt::Result {
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
    if !report.description.is_empty() {
        writeln!(text, "\tdescription: {}", report.description)?;
    }
    if let Some(index) = report.index {
        let (priority, llprio) = (report.priority, report.llprio);
        writeln!(text, "\tindex {index} priority {priority} llprio {llprio}")?;
    }
    if let Some(carp) = &report.carp {
        write_carp(text, carp)?;
    }
    if let Some(password) = password {
        // In the word of FreeBSD, which shows it too.
        writeln!(text, "\tkey \"{password}\"")?;
    }
    write_hooks(text, &report.hooks)?;
    write_wrapped(text, &format!("groups: {}", report.groups.join(" ")))?;
    writeln!(text, "\tstatus: {}", report.status)?;
    for address in &report.addresses {
        write_address(text, report, address)?;
    }
    write_news(text, report)
}

fn write_carp(text: &mut String, carp: &Carp) -> fmt::Result {
    let carpdev = carp.carpdev.as_deref().unwrap_or("none");
    let absent = match carp.carpdev_state {
        Some(CarpdevState::Absent) => " (absent)",
        Some(CarpdevState::Down | CarpdevState::Up) | None => "",
    };
    let mut line = format!(
        "carp: {} carpdev {carpdev}{absent} vhid {} advbase {} advskew {}",
        carp.state, carp.vhid, carp.advbase, carp.advskew
    );
    let mut peers = carp.carppeer.iter().map(|peer| match peer {
        IpAddr::V4(peer) => format!("carppeer {peer}"),
        IpAddr::V6(peer) => format!("peer6 {peer}"),
    });
    // The first one stands on this line in any case, as on OpenBSD, which has only one.
    if let Some(first) = peers.next() {
        line.push_str(&format!(" {first}"));
    }
    let others: Vec<String> = peers.collect();
    write_parts(text, std::iter::once(&line).chain(&others))?;
    write_dialect(text, carp)
}

/// Where something is not as it is without a word (*ours*), in the words that say it.
fn write_dialect(text: &mut String, carp: &Carp) -> fmt::Result {
    let mut said = Vec::new();
    if carp.peers != Peers::default() {
        said.push(format!("peers {}", carp.peers.0));
    }
    if carp.advdemote != AdvDemoteWish::Auto {
        said.push(format!("advdemote {}", carp.advdemote));
    }
    if said.is_empty() {
        return Ok(());
    }
    writeln!(text, "\t{}", said.join(" "))
}

/// What runs when the state changes (*ours*), in the words that say it.
fn write_hooks(text: &mut String, hooks: &Hooks) -> fmt::Result {
    for (hook, file) in hooks.scripts() {
        writeln!(text, "\t{} {file}", hook.keyword())?;
    }
    if let Some(xparam) = &hooks.xparam {
        writeln!(text, "\txparam {xparam}")?;
    }
    if let Some(seconds) = hooks.timeout {
        writeln!(text, "\thooktimeout {seconds}")?;
    }
    Ok(())
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
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

// ---- groups ----

/// Writes what `ifconfig -g` would show of a group and, below that, who demotes it.
pub(crate) fn group(report: &GroupReport) -> String {
    let mut text = String::new();
    match write_group(&mut text, report) {
        Ok(()) | Err(fmt::Error) => text,
    }
}

fn write_group(text: &mut String, report: &GroupReport) -> fmt::Result {
    let GroupReport {
        group, demotion, ..
    } = report;
    writeln!(text, "{group}: carp demote count {demotion}")?;
    for entry in &report.demotions {
        let who = match (&entry.owner, &entry.interface) {
            (Some(owner), _) => format!("owner {owner}"),
            (None, Some(interface)) => format!("{interface}: {}", entry.reason),
            (None, None) => entry.reason.clone(),
        };
        let held = if entry.held {
            ", while a command runs"
        } else {
            ""
        };
        let age = span(entry.ago_ms);
        write_wrapped(text, &format!("{} {who}, for {age}{held}", entry.amount))?;
    }
    Ok(())
}

// ---- what is not OpenBSD's ----

/// What has happened and what is wrong, if anything.
fn write_news(text: &mut String, report: &Report) -> fmt::Result {
    // That it was set up is nothing new to whoever did it.
    let known = Reason::Configured.to_string();
    if let (Some(carp), Some(Past { ago_ms, reason })) = (&report.carp, &report.last_transition)
        && *reason != known
    {
        let line = format!("last: {} {}: {reason}", carp.state, ago(*ago_ms));
        write_wrapped(text, &line)?;
    }
    write_demotion(text, report)?;
    if let Some(Trouble {
        ago_ms,
        what,
        mended,
    }) = &report.trouble
    {
        let outcome = if *mended { "put back" } else { "not put back" };
        let line = format!("trouble: {}: {what}, {outcome}", ago(*ago_ms));
        write_wrapped(text, &line)?;
    }
    if let Some(Past { ago_ms, reason }) = &report.hook_error {
        write_wrapped(text, &format!("hook: {}: {reason}", ago(*ago_ms)))?;
    }
    if let Some(Past { ago_ms, reason }) = &report.error {
        write_wrapped(text, &format!("error: {}: {reason}", ago(*ago_ms)))?;
    }
    Ok(())
}

/// The demotion of the machine: with the one who demotes it, or a line for each.
fn write_demotion(text: &mut String, report: &Report) -> fmt::Result {
    let total = report.demotion;
    if let [only] = report.demotions.as_slice() {
        return write_wrapped(text, &format!("demotion: {total} ({})", whose(only)));
    }
    if !report.demotions.is_empty() {
        writeln!(text, "\tdemotion: {total}")?;
    }
    for entry in &report.demotions {
        write_wrapped(text, &format!("\t{} {}", entry.amount, whose(entry)))?;
    }
    Ok(())
}

/// Who finds the machine unwell, and why.
pub(crate) fn whose(entry: &Demotion) -> String {
    let group = if entry.group == PREFIX {
        String::new()
    } else {
        format!(", group {}", entry.group)
    };
    match &entry.interface {
        Some(interface) => format!("{interface}: {}{group}", entry.reason),
        None => format!("{}{group}", entry.reason),
    }
}

/// How long ago something was.
fn ago(milliseconds: u64) -> String {
    format!("{} ago", span(milliseconds))
}

/// A span of time, in the largest unit that says enough.
pub(crate) fn span(milliseconds: u64) -> String {
    let seconds = Duration::from_millis(milliseconds).as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Writes `line` behind a tab; what does not fit a terminal goes below it.
fn write_wrapped(text: &mut String, line: &str) -> fmt::Result {
    write_parts(text, line.split(' '))
}

/// Adds `line` as a line of an interface.
pub(crate) fn wrapped(text: &mut String, line: &str) {
    // Writing to a string cannot go wrong.
    match write_wrapped(text, line) {
        Ok(()) | Err(fmt::Error) => {}
    }
}

/// The same of a line whose parts stay whole.
fn write_parts(text: &mut String, parts: impl IntoIterator<Item: AsRef<str>>) -> fmt::Result {
    text.push('\t');
    let mut column = TAB;
    for (number, word) in parts.into_iter().enumerate() {
        let word = word.as_ref();
        let tabs = word.matches('\t').count();
        let width = word.chars().count() + tabs * (TAB - 1);
        if number > 0 && column + 1 + width > COLUMNS {
            text.push_str("\n\t    ");
            column = TAB + 4;
        } else if number > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text.push('\n');
    Ok(())
}

/// How wide a terminal is taken to be, and a tab on it.
const COLUMNS: usize = 80;
const TAB: usize = 8;

#[cfg(test)]
mod tests;
