//! Watching the service: what happens, as it happens (`carpctl monitor`), waiting for it
//! (`carpctl wait`), what became of it (`carpctl why`), and who else is there (`carpctl peers`).
//!
//! The service tells facts; what people read is written here.

pub(crate) mod monitor;
pub(crate) mod peers;
mod stream;
mod text;
pub(crate) mod wait;
pub(crate) mod why;

use crate::clients::client;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::server::service::NO_SUCH_INTERFACE;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::{Answer, Request};

/// The interface that a command names; `carp` is all of them.
fn interface(command: &str, name: Option<&str>) -> Result<Option<InterfaceName>, Failure> {
    let parse = |name: &str| {
        let parsed: Result<InterfaceName, _> = name.parse();
        parsed.map_err(|error| Failure::Usage(format!("{command}: {name}: {error}")))
    };
    name.filter(|name| *name != PREFIX).map(parse).transpose()
}

/// What the service says of `interface`, or of all; nothing where there is no service and none was
/// named.
fn ask<T: Answer>(
    command: &str,
    interface: Option<InterfaceName>,
    request: &Request,
) -> Result<Vec<T>, Failure> {
    let about = interface.map_or_else(|| command.to_owned(), |name| name.to_string());
    let failed = |error: &dyn std::fmt::Display| Failure::about(&about, error);
    let paths = Paths::of_this_namespace().map_err(|error| failed(&error))?;
    let answer = client::ask_of(&paths, request).map_err(|error| failed(&error))?;
    match (answer, interface) {
        (Some(all), _) => Ok(all),
        (None, Some(_)) => Err(failed(&NO_SUCH_INTERFACE)),
        (None, None) => Ok(Vec::new()),
    }
}
