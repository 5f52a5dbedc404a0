//! The commands that make of an interface what its file says, for whoever would rather type them.
//!
//! A file is all there is to say of its interface, and a command is not: what the file leaves out is
//! taken back in words.

use std::ffi::OsString;
use std::path::Path;

use crate::clients::shell::command_line;
use crate::vocabulary::change::{AddressChange, Change, GroupChange, Less, Manner};
use crate::vocabulary::config::Config;
use crate::vocabulary::hooks::{HookChange, USUAL_TIMEOUT};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::Told;
use crate::vocabulary::words;

/// The commands that make `wanted` of what is there, if anything, with the password in `passfile`
/// or, without one, on standard input. There is none where nothing is left to say.
pub(super) fn commands(
    name: InterfaceName,
    wanted: &Change,
    passfile: Option<&Path>,
    there: Option<&Told>,
) -> OsString {
    let mut text = OsString::new();
    let mut add = |words: Vec<OsString>| {
        let command = ["carpctl".to_owned(), name.to_string()].map(OsString::from);
        text.push(command_line(command.iter().chain(&words)));
    };
    // No word takes these away.
    let is_made_anew = |told: &&Told| {
        let told = &told.change;
        (told.vhid.is_some() && wanted.vhid.is_none())
            || (told.carpdev.is_some() && wanted.carpdev.is_none())
    };
    let kept = there.filter(|there| !is_made_anew(there));
    if there.is_some() && kept.is_none() {
        add(vec!["destroy".into()]);
    }
    let change = change(wanted, kept);
    let words = match passfile {
        Some(file) => with_passfile(&change, file),
        None => words::write(&change, None),
    };
    if !words.is_empty() {
        add(words);
    }
    text
}

/// The words that say `change`, with the password in `file`.
pub(super) fn with_passfile(change: &Change, file: &Path) -> Vec<OsString> {
    let change = Change {
        key: None,
        ..change.clone()
    };
    let mut words = words::write(&change, None);
    words.extend(["passfile".into(), file.into()]);
    words
}

/// What makes `wanted`, which says everything anew, of what is there.
fn change(wanted: &Change, there: Option<&Told>) -> Change {
    let mut change = Change {
        anew: false,
        ..wanted.clone()
    };
    let first = change.addresses.iter_mut().find(|it| it.ip.is_ipv4());
    if let Some(first) = first {
        first.manner = Manner::Set;
    }
    let Some(there) = there else {
        change.create = change == Change::default();
        return change;
    };
    let told = &there.change;
    let usual = Config::default().as_change();
    // It counts when the interface is made.
    change.state = None;
    if told.up.is_none() {
        // It is up, and saying so would end what `state backup' began.
        change.up = change.up.filter(|up| !up);
    }
    if there.has_key {
        change.key = change.key.or(usual.key);
    }
    take_back(&mut change.up, told.up.as_ref(), usual.up);
    take_back(&mut change.advbase, told.advbase.as_ref(), usual.advbase);
    take_back(&mut change.advskew, told.advskew.as_ref(), usual.advskew);
    take_back(&mut change.lladdr, told.lladdr.as_ref(), usual.lladdr);
    take_back(&mut change.peers, told.peers.as_ref(), usual.peers);
    let advdemote = told.advdemote.as_ref();
    take_back(&mut change.advdemote, advdemote, usual.advdemote);
    take_back(&mut change.mtu, told.mtu.as_ref(), usual.mtu);
    let description = told.description.as_ref();
    take_back(&mut change.description, description, usual.description);
    let inet = told.inet_peers.as_ref();
    take_back(&mut change.inet_peers, inet, usual.inet_peers);
    let inet6 = told.inet6_peers.as_ref();
    take_back(&mut change.inet6_peers, inet6, usual.inet6_peers);
    for group in &told.groups {
        if !wanted.groups.iter().any(|it| it.name == group.name) {
            change.groups.push(GroupChange {
                member: false,
                ..group.clone()
            });
        }
    }
    for hook in &told.hooks {
        if !wanted.hooks.iter().any(|it| it.is_about_the_same(hook)) {
            change.hooks.push(without(hook));
        }
    }
    let has_less = |is_it: fn(&&AddressChange) -> bool| {
        let mut before = told.addresses.iter().filter(is_it).map(|it| it.ip);
        let mut after = wanted.addresses.iter().filter(is_it).map(|it| it.ip);
        before
            .any(|ip| after.next() != Some(ip))
            .then_some(Less::All)
    };
    let inet_less = has_less(|it| it.ip.is_ipv4());
    let inet6_less = has_less(|it| it.ip.is_ipv6());
    change.inet_less = change.inet_less.or(inet_less);
    change.inet6_less = change.inet6_less.or(inet6_less);
    change
}

/// Says what is usual where nothing is said and something else is told.
fn take_back<T>(said: &mut Option<T>, told: Option<&T>, usual: Option<T>) {
    if said.is_none() && told.is_some() {
        *said = usual;
    }
}

fn without(hook: &HookChange) -> HookChange {
    match hook {
        HookChange::Script { hook, .. } => HookChange::Script {
            hook: *hook,
            file: None,
        },
        HookChange::Xparam(_) => HookChange::Xparam(None),
        HookChange::Timeout(_) => HookChange::Timeout(USUAL_TIMEOUT),
    }
}

#[cfg(test)]
mod tests;
