//! Which interfaces are shown, and what of them.

use std::collections::BTreeMap;

use super::{Asked, failure, paths, print, print_json, show};
use crate::clients::client;
use crate::clients::colour::painted;
use crate::clients::render;
use crate::clients::secret;
use crate::failure::{Failure, printable};
use crate::server::service::NO_SUCH_INTERFACE;
use crate::vocabulary::group::GroupName;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::Request;
use crate::vocabulary::report::{AddressFamily, Report};

/// What is to be shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View<'a> {
    /// One interface; without it, all.
    pub(super) interface: Option<InterfaceName>,
    /// Those of a group only.
    pub(super) group: Option<&'a GroupName>,
    /// Of their addresses, those of a family only.
    pub(super) family: Option<AddressFamily>,
}

/// Shows what `view` says, in the way `asked` for.
pub(super) fn show(view: View<'_>, asked: Asked) -> Result<(), Failure> {
    if asked.key && asked.json {
        let why = "`-k': a password is not shown as JSON; `carpctl show -k' has it too";
        return Err(Failure::Usage(why.to_owned()));
    }
    let mut reports = reports(view.interface)?;
    if let Some(group) = view.group {
        let is_in = |report: &Report| report.groups.iter().any(|name| name == group.as_str());
        reports.retain(is_in);
    }
    if let Some(family) = view.family {
        for report in &mut reports {
            report.addresses.retain(|address| address.family == family);
        }
    }
    if asked.json {
        return print_json(&reports);
    }
    let passwords = if asked.key {
        passwords(view.interface)?
    } else {
        BTreeMap::new()
    };
    let text = reports
        .iter()
        .map(|report| match passwords.get(&report.name) {
            Some(password) => render::interface_with_password(report, password),
            None => render::interface(report),
        });
    print(&painted(&text.collect::<String>()))
}

/// Whether any interface is in `group`.
pub(super) fn has_group(group: &GroupName) -> Result<bool, Failure> {
    let is_in = |report: &Report| report.groups.iter().any(|name| name == group.as_str());
    Ok(reports(None)?.iter().any(is_in))
}

/// The reports on `interface`, or on all.
fn reports(interface: Option<InterfaceName>) -> Result<Vec<Report>, Failure> {
    let request = Request::Show { interface };
    let answer = client::ask_of(&paths()?, &request);
    let reports: Vec<Report> = answer
        .map_err(|error| failure(interface, &error))?
        .unwrap_or_default();
    if let (Some(name), true) = (interface, reports.is_empty()) {
        return Err(failure(Some(name), &NO_SUCH_INTERFACE));
    }
    Ok(reports)
}

/// The passwords of `interface`, or of all, by name; root is told them.
fn passwords(interface: Option<InterfaceName>) -> Result<BTreeMap<String, String>, Failure> {
    let told = show::ask(interface, true)?;
    let with_key = told
        .iter()
        .filter_map(|told| told.change.key.as_ref().map(|key| (told.interface, &key.0)));
    let shown = with_key.map(|(name, key)| {
        let password = secret::password(key).unwrap_or_default();
        let text = String::from_utf8_lossy(&password);
        (name.to_string(), printable(&text))
    });
    Ok(shown.collect())
}
