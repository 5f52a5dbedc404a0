//! `carpctl show [-k] [INTERFACE]`: the commands that make what there is.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::{failure, paths, print_bytes};
use crate::clients::client;
use crate::clients::secret;
use crate::clients::shell::command_line;
use crate::failure::Failure;
use crate::process;
use crate::server::service::NO_SUCH_INTERFACE;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::{Request, Told};
use crate::vocabulary::words;

/// The words of `carpctl show`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct ShowOptions {
    /// Show the passwords too, to root
    #[arg(short = 'k')]
    key: bool,
    /// The interface; without it, all of them
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
}

/// Prints the commands that make an interface, or all.
pub(super) fn run(options: &ShowOptions) -> Result<(), Failure> {
    let name = options.interface.as_deref().filter(|name| *name != PREFIX);
    let parse = |name: &str| {
        let parsed: Result<InterfaceName, _> = name.parse();
        parsed.map_err(|error| Failure::Usage(format!("show: {name}: {error}")))
    };
    let interface = name.map(parse).transpose()?;
    let mut text = OsString::new();
    for told in ask(interface, options.key)? {
        text.push(command(&told)?);
        if told.has_key && !options.key {
            let name = told.interface;
            text.push(format!(
                "# without its password, which `carpctl show -k {name}' shows to root\n"
            ));
        }
    }
    print_bytes(text.as_bytes())
}

/// What `interface` was told to be, or all; with the keys where `key` says so.
pub(crate) fn ask(interface: Option<InterfaceName>, key: bool) -> Result<Vec<Told>, Failure> {
    if key {
        process::stay_out_of_core_dumps();
    }
    let request = Request::Config { interface, key };
    let answer = client::ask_of(&paths()?, &request);
    let all: Vec<Told> = answer
        .map_err(|error| failure(interface, &error))?
        .unwrap_or_default();
    if let (Some(name), true) = (interface, all.is_empty()) {
        return Err(failure(Some(name), &NO_SUCH_INTERFACE));
    }
    Ok(all)
}

/// The command line that makes what `told` tells of.
fn command(told: &Told) -> Result<OsString, Failure> {
    let name = told.interface.to_string();
    let words = words(told)?;
    let command = ["carpctl", &name].map(OsStr::new);
    let words = words.iter().map(OsString::as_os_str);
    Ok(command_line(command.into_iter().chain(words)))
}

/// The words that make what `told` tells of, at least one; its password is among them where its
/// key is told.
pub(crate) fn words(told: &Told) -> Result<Vec<OsString>, Failure> {
    let unwritable = || failure(Some(told.interface), &NO_WORD);
    let key = told.change.key.as_ref();
    let password = key.map(|key| secret::password(&key.0).ok_or_else(unwritable));
    let password = password.transpose()?;
    let pass = password.as_ref().map(|bytes| OsStr::from_bytes(bytes));
    let mut words = words::write(&told.change, pass);
    if words.is_empty() {
        // Any word makes an interface, and this one changes nothing that it is by default.
        words.push("up".into());
    }
    Ok(words)
}

const HELP: &str = "\
It is what was set, and makes the same interface where there is none. What was
said to the election alone is not in it: an interface that `state backup' holds
back here would be held back there too, long after the reason is gone.";

const NO_WORD: &str = "its password cannot be written behind `pass'";
