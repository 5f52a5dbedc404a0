//! The command line of FreeBSD's `ifconfig`, where CARP is said of the network card: what is the same
//! here. A password is in no word of it.

use std::ffi::{OsStr, OsString};

use carp_net::carp_fsm::carp_proto::Key;

use crate::clients::shell;
use crate::vocabulary::change::{CarriedKey, Manner};
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::Told;
use crate::vocabulary::words::{self, SecretSource};

/// The command that is meant by `words` said of `carpdev`, if they are of that kind. `there` tells what
/// interfaces there are.
pub(super) fn meant(
    carpdev: &str,
    words: &[OsString],
    there: impl FnOnce() -> Vec<Told>,
) -> Option<String> {
    let parsed = words::parse(INTERFACE, words).ok()?;
    let mut change = parsed.change;
    // One that is misspelt is no network card.
    if change.carpdev.is_some() || carpdev.starts_with(PREFIX) {
        return None;
    }
    let vhid = change.vhid?;
    change.carpdev = Some(carpdev.to_owned());
    let there = there();
    let its_own = has_vhid(&there, carpdev, vhid);
    // It is the first address of a new interface, whether or not it is an alias on the card.
    let mut addresses = change.addresses.iter_mut();
    if its_own.is_none()
        && let Some(first) = addresses.find(|address| address.ip.is_ipv4())
        && first.manner == Manner::Add
    {
        first.manner = Manner::Set;
    }
    let mut file = Vec::new();
    match parsed.secret {
        Some(SecretSource::StandardInput) => {
            // Any one: it is written as `pass -'.
            change.key = Some(CarriedKey(Key::from_password(INTERFACE)));
        }
        Some(SecretSource::File(path)) => file = vec!["passfile".into(), path.into_os_string()],
        Some(SecretSource::None) | None => {}
    }
    let said = words::write(&change, None).into_iter().chain(file);
    let interface = its_own.or_else(|| first_free(&there))?.to_string();
    let begin = ["carpctl", &interface].map(OsString::from);
    let quoted = begin.into_iter().chain(said);
    let quoted: Vec<OsString> = quoted.map(|word| shell::quoted(&word)).collect();
    Some(quoted.join(OsStr::new(" ")).to_string_lossy().into_owned())
}

/// The interface of this vhid on `carpdev`.
fn has_vhid(there: &[Told], carpdev: &str, vhid: u8) -> Option<InterfaceName> {
    let mut there = there.iter();
    let its_own = there.find(|told| {
        told.change.vhid == Some(vhid) && told.change.carpdev.as_deref() == Some(carpdev)
    });
    its_own.map(|told| told.interface)
}

/// The first interface that is not there.
fn first_free(there: &[Told]) -> Option<InterfaceName> {
    let is_free = |name: &InterfaceName| there.iter().all(|told| told.interface != *name);
    let names = (0..=there.len()).filter_map(|number| format!("{PREFIX}{number}").parse().ok());
    names.into_iter().find(is_free)
}

/// What is said before the command.
pub(super) const WHY: &str =
    "not a carp interface; that is how FreeBSD says it, here it is an interface of its own";

/// Any one will do for reading words.
const INTERFACE: &str = "carp0";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(interface: &str, line: &str) -> Told {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        Told {
            interface: interface.parse().unwrap(),
            change: words::parse(interface, &words).unwrap().change,
            has_key: false,
        }
    }

    #[test]
    fn the_interface_is_the_one_of_the_vhid_or_the_first_that_is_free() {
        let there = || {
            vec![
                told("carp0", "vhid 1 carpdev vmx0"),
                told("carp2", "vhid 2 carpdev vmx0"),
            ]
        };
        let said = |carpdev: &str, line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            meant(carpdev, &words, there).unwrap()
        };
        assert_eq!(
            said("vmx0", "vhid 2 alias 192.0.2.1/32"),
            "carpctl carp2 vhid 2 carpdev vmx0 alias 192.0.2.1/32"
        );
        assert_eq!(
            said("vmx1", "vhid 2 alias 192.0.2.1/32"),
            "carpctl carp1 vhid 2 carpdev vmx1 192.0.2.1/32"
        );
        assert_eq!(
            meant("vmx0", &["vhid".into(), "7".into()], Vec::new).unwrap(),
            "carpctl carp0 vhid 7 carpdev vmx0"
        );
    }
}
