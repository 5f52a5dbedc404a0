//! What only the running machine knows.

use std::fs;

use super::Offer;
use crate::clients::client;
use crate::paths::Paths;
use crate::vocabulary::demotion::GroupReport;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::{Answer, Request};
use crate::vocabulary::report::Report;

/// The words that are offered, each with what it means. Whatever is wrong, a completion is silent.
pub(super) fn words(offer: Offer) -> Vec<(String, String)> {
    let alone = |word: String| (word, String::new());
    match offer {
        Offer::Word(word, about) => vec![(word, about)],
        Offer::Files => vec![alone(":files".to_owned())],
        Offer::Commands => vec![alone(":commands".to_owned())],
        Offer::Interfaces => {
            let reports = reports().into_iter();
            reports.map(|it| (it.name, it.status.to_string())).collect()
        }
        Offer::Carpdevs => carpdevs().into_iter().map(alone).collect(),
        Offer::Groups => {
            let groups = reports().into_iter().flat_map(|it| it.groups);
            let carp = std::iter::once(PREFIX.to_owned());
            carp.chain(groups).map(alone).collect()
        }
        Offer::Owners(group) => owners(&group).into_iter().map(alone).collect(),
    }
}

/// All interfaces of the service, where there is one.
fn reports() -> Vec<Report> {
    ask(&Request::Show { interface: None })
}

/// Who demotes `group` in a name.
fn owners(group: &str) -> Vec<String> {
    let Ok(group) = group.parse() else {
        return Vec::new();
    };
    let reports: Vec<GroupReport> = ask(&Request::Group { group });
    let entries = reports.into_iter().flat_map(|report| report.demotions);
    entries.filter_map(|entry| entry.owner).collect()
}

fn ask<T: Answer>(request: &Request) -> Vec<T> {
    let Ok(paths) = Paths::of_this_namespace() else {
        return Vec::new();
    };
    let answer = client::ask_of(&paths, request);
    answer.ok().flatten().unwrap_or_default()
}

/// The interfaces of the machine that are none of ours.
fn carpdevs() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_other = |name: &String| name.parse::<InterfaceName>().is_err() && name != "lo";
    let mut names: Vec<String> = names.filter(is_other).collect();
    names.sort();
    names
}
