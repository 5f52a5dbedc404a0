//! The command line of FreeBSD's `ifconfig`, where CARP is said of the network card: what is the same
//! here. A password is in no word of it.

use std::ffi::{OsStr, OsString};

use carp_net::carp_fsm::carp_proto::Key;

use crate::change::{CarriedKey, Manner};
use crate::name::PREFIX;
use crate::shell;
use crate::words::{self, SecretSource};

/// The command that is meant by `words` said of `carpdev`, if they are of that kind.
pub(super) fn meant(carpdev: &str, words: &[OsString]) -> Option<String> {
    let parsed = words::parse(INTERFACE, words).ok()?;
    let mut change = parsed.change;
    // One that is misspelt is no network card.
    if change.carpdev.is_some() || carpdev.starts_with(PREFIX) {
        return None;
    }
    change.vhid?;
    change.carpdev = Some(carpdev.to_owned());
    // It is the first address of a new interface, whether or not it is an alias on the card.
    let mut addresses = change.addresses.iter_mut();
    if let Some(first) = addresses.find(|address| address.ip.is_ipv4())
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
    let begin = ["carpctl", INTERFACE].map(OsString::from);
    let quoted = begin.into_iter().chain(said);
    let quoted: Vec<OsString> = quoted.map(|word| shell::quoted(&word)).collect();
    Some(quoted.join(OsStr::new(" ")).to_string_lossy().into_owned())
}

/// What is said before the command.
pub(super) const WHY: &str =
    "not a carp interface; that is how FreeBSD says it, here it is an interface of its own";

/// Any one will do.
const INTERFACE: &str = "carp0";
