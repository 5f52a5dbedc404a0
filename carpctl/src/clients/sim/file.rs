//! A file that describes a cluster, understood: `CLUSTER.toml`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::VirtualAddress;
use carp_net::simulation::{Cluster, Machine, Network, Scenario};
use serde::Deserialize;
use toml::Spanned;

use super::known::Known;
use super::operator::{self, Operator};
use super::quantity::{self, NotAQuantity};
use super::schedule::{self, Entry, Wrong, split, wrong};
use crate::failure::Failure;
use crate::vocabulary::change::Change;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::settings::{Setting, Settings};

/// A cluster, what happens to it, and for how long it is looked at.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) length: Duration,
    pub(super) names: Vec<String>,
    /// The machines and what lies between them.
    pub(super) scenario: Scenario,
    pub(super) operators: Vec<Operator>,
    /// In the order in which it happens.
    pub(super) entries: Vec<Entry>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    length: Option<Spanned<String>>,
    sysctl: Option<Spanned<String>>,
    #[serde(default)]
    network: NetworkTable,
    #[serde(default)]
    node: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<String>>>,
    #[serde(default)]
    events: Vec<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkTable {
    loss: Option<Spanned<String>>,
    duplicate: Option<Spanned<String>>,
    delay: Option<Spanned<String>>,
    reorder: Option<Spanned<String>>,
    /// How long kernels take for a change.
    work: Option<Spanned<String>>,
}

/// Reads the file at `path`, which may be a pipe, or standard input where it is `-`.
pub(super) fn read(path: &Path) -> Result<Plan, Failure> {
    let (name, input) = if path == Path::new("-") {
        let input: Box<dyn Read> = Box::new(std::io::stdin());
        ("standard input".to_owned(), Ok(input))
    } else {
        let input = std::fs::File::open(path);
        let input = input.map(|file| -> Box<dyn Read> { Box::new(file) });
        (path.display().to_string(), input)
    };
    let mut bytes = Vec::new();
    let read = input.and_then(|input| input.take(LARGEST + 1).read_to_end(&mut bytes));
    let read = read.map_err(|error| Failure::about(&name, error))?;
    if u64::try_from(read).unwrap_or(u64::MAX) > LARGEST {
        let reason = format!("larger than {LARGEST} bytes");
        return Err(Failure::about(&name, reason));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| Failure::about(&name, "not readable as text"))?;
    understand(&text).map_err(|wrong| Failure::Failed(format!("{name}:{}", wrong.of(&text))))
}

/// What is wrong, and where.
#[derive(Debug)]
struct Located {
    at: usize,
    wrong: Wrong,
}

impl Located {
    /// The line of `text` that it is on, and what is wrong there.
    fn of(&self, text: &str) -> String {
        let Wrong { word, reason } = &self.wrong;
        let before = text.get(..self.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        if word.is_empty() {
            return format!("{line}: {reason}");
        }
        format!("{line}: `{word}': {reason}")
    }
}

/// Understands the text of a file.
fn understand(text: &str) -> Result<Plan, Located> {
    let file: File = toml::from_str(text).map_err(|error| in_toml(text, &error))?;
    let Some(length) = &file.length else {
        let reason = "is missing: write such as `length = \"60s\"' above the first line with [";
        return Err(at(&(0..0), wrong("length", reason)));
    };
    let length = value(length, quantity::length)?;
    let everywhere = settings(Settings::default(), file.sysctl.as_ref())?;
    let mut scenario = Scenario::new();
    scenario.set_network(network(&file.network)?);
    let mut nodes: Vec<_> = file.node.iter().collect();
    nodes.sort_by_key(|(name, _)| name.span().start);
    if let Some((name, _)) = nodes.get(MOST_NODES) {
        let reason = format!("more than {MOST_NODES} nodes");
        return Err(at(&name.span(), wrong(name.get_ref(), reason)));
    }
    if nodes.is_empty() {
        let reason = "there is no node: write `[node.one]', and below it such as \
                      `carp0 = \"vhid 99 192.0.2.10/24\"'";
        return Err(at(&(text.len()..text.len()), wrong("", reason)));
    }
    let mut operators = Vec::new();
    let mut all_known = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for &(name, table) in &nodes {
        check_name(name)?;
        let mut known = Known::default();
        let (machine, operator) = node(names.len(), name, table, everywhere, &mut known)?;
        scenario.add(machine);
        operators.push(operator);
        all_known.push(known);
        names.push(name.get_ref().clone());
    }
    let entries = file.events.iter().map(|line| {
        let entry = schedule::entry(line.get_ref(), &names);
        let entry = entry.map_err(|wrong| at(&line.span(), wrong))?;
        if entry.after > length {
            let wrong = wrong(line.get_ref(), "happens after the end (`length')");
            return Err(at(&line.span(), wrong));
        }
        Ok(entry)
    });
    let mut entries = entries.collect::<Result<Vec<Entry>, Located>>()?;
    for (number, known) in all_known.iter_mut().enumerate() {
        known.learn(number, &entries);
    }
    for ((name, table), known) in nodes.iter().zip(&all_known) {
        if known.is_bare() {
            let reason = "the node has no interface: write such as \
                          `carp0 = \"vhid 99 192.0.2.10/24\"' below it";
            return Err(at(&name.span(), wrong(name.get_ref(), reason)));
        }
        for (key, text) in *table {
            let checked = known.check_vhid(key.get_ref());
            checked.map_err(|wrong| at(&text.span(), wrong))?;
        }
    }
    for (line, entry) in file.events.iter().zip(&entries) {
        let known = entry.node().and_then(|node| all_known.get(node));
        let checked = known.map_or(Ok(()), |known| known.check(entry));
        checked.map_err(|wrong| at(&line.span(), wrong))?;
    }
    // What happens at once does so in the order of the file.
    entries.sort_by_key(|entry| entry.after);
    Ok(Plan {
        length,
        names,
        scenario,
        operators,
        entries,
    })
}

/// A node, and what its operator has said.
fn node(
    number: usize,
    name: &Spanned<String>,
    table: &BTreeMap<Spanned<String>, Spanned<String>>,
    everywhere: Settings,
    known: &mut Known,
) -> Result<(Machine, Operator), Located> {
    let get = |key: &str| {
        let mut all = table.iter();
        all.find(|(it, _)| it.get_ref() == key)
            .map(|(_, value)| value)
    };
    let settings = settings(everywhere, get("sysctl"))?;
    let drift = get("drift").map(|text| value(text, quantity::drift));
    let mut machine = Machine::new(name.get_ref(), settings.of_node().tell_peers(false))
        .drift(drift.transpose()?.unwrap_or_default());
    let mut interfaces = BTreeMap::new();
    for (key, text) in table {
        let located = |wrong| at(&text.span(), wrong);
        match key.get_ref().as_str() {
            "sysctl" | "drift" => {}
            key_text => match key_text.parse::<InterfaceName>() {
                Ok(interface) => {
                    let words = split(text.get_ref()).map_err(located)?;
                    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
                    let change = operator::change(interface, &words).map_err(located)?;
                    at_the_beginning(&change).map_err(located)?;
                    let config = operator::with(None, &change)
                        .map_err(|reason| located(wrong(key_text, reason)))?;
                    known.interface(interface, &config);
                    interfaces.insert(interface, config);
                }
                Err(_) => {
                    let addresses = networks(text.get_ref());
                    let addresses = addresses.map_err(|wrong| {
                        let reason = format!(
                            "neither carp0, carp1 and so on, nor sysctl or drift, nor a carpdev \
                             with its own addresses ({})",
                            wrong.reason
                        );
                        at(&key.span(), schedule::wrong(key_text, reason))
                    })?;
                    known.carpdev(key_text);
                    machine = machine.networks(key_text, addresses);
                }
            },
        }
    }
    for (interface, config) in &interfaces {
        if let Some((carpdev, host)) = config.host() {
            machine = machine.interface(&interface.to_string(), carpdev, host);
        }
    }
    // What its service refuses is refused here, where it can be said of which node.
    let mut alone = Scenario::new();
    alone.add(machine.clone());
    let begun = Cluster::new(&alone, 0);
    begun.map_err(|error| at(&name.span(), wrong(name.get_ref(), error)))?;
    Ok((machine, Operator::new(number, interfaces, settings)))
}

/// Whether a node can have this from the beginning on.
fn at_the_beginning(change: &Change) -> Result<(), Wrong> {
    let word = if change.destroy {
        "destroy"
    } else if change.create {
        "create"
    } else if change.state.is_some() {
        "state"
    } else {
        return Ok(());
    };
    let reason = "is said while the service runs: write it among the events";
    Err(wrong(word, reason))
}

/// The addresses that a machine has of its own on a carpdev.
fn networks(text: &str) -> Result<Vec<VirtualAddress>, Wrong> {
    let words = text.split_whitespace();
    words
        .map(|word| word.parse().map_err(|error| wrong(word, error)))
        .collect()
}

fn settings(base: Settings, text: Option<&Spanned<String>>) -> Result<Settings, Located> {
    let Some(text) = text else {
        return Ok(base);
    };
    let located = |wrong| at(&text.span(), wrong);
    let words: Vec<OsString> = text.get_ref().split_whitespace().map(Into::into).collect();
    let assignments = operator::assignments(&words).map_err(located)?;
    if assignments.iter().any(|it| it.setting == Setting::Demotion) {
        let reason = "is said while the service runs: write it among the events";
        return Err(located(wrong(Setting::Demotion.name(), reason)));
    }
    let settings = base.with(&assignments);
    settings.map_err(|error| located(wrong(error.word, error.problem)))
}

fn network(table: &NetworkTable) -> Result<Network, Located> {
    let mut network = Network::default();
    if let Some(loss) = &table.loss {
        network = network.loss(value(loss, quantity::share)?);
    }
    if let Some(duplicate) = &table.duplicate {
        network = network.doubling(value(duplicate, quantity::share)?);
    }
    if let Some(delay) = &table.delay {
        let (least, most) = value(delay, quantity::delay)?;
        network = network.transit(least, most);
    }
    if let Some(reorder) = &table.reorder {
        network = network.reorders(value(reorder, quantity::switch)?);
    }
    if let Some(work) = &table.work {
        let (least, most) = value(work, quantity::delay)?;
        network = network.work(least, most);
    }
    Ok(network)
}

fn check_name(name: &Spanned<String>) -> Result<(), Located> {
    let text = name.get_ref();
    let is_word = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_taken = ["cut", "heal", "network"].contains(&text.as_str());
    if text.is_empty() || text.len() > LONGEST_NAME || !is_word || is_taken {
        let reason = format!(
            "must be a name of 1 to {LONGEST_NAME} letters, digits and hyphens, but not cut, heal \
             or network"
        );
        return Err(at(&name.span(), wrong(text, reason)));
    }
    Ok(())
}

fn value<T>(
    text: &Spanned<String>,
    read: impl FnOnce(&str) -> Result<T, NotAQuantity>,
) -> Result<T, Located> {
    read(text.get_ref().trim()).map_err(|error| at(&text.span(), wrong(text.get_ref(), error)))
}

const fn at(span: &Range<usize>, wrong: Wrong) -> Located {
    Located {
        at: span.start,
        wrong,
    }
}

/// What is wrong with the text as TOML, or with its keys.
fn in_toml(text: &str, error: &toml::de::Error) -> Located {
    let span = error.span().unwrap_or_default();
    let word = text.get(span.clone()).unwrap_or_default();
    let word = word.lines().next().unwrap_or_default().trim();
    let word = if word.is_empty() {
        let begin = text.get(..span.start).unwrap_or_default();
        let begin = begin.rfind('\n').map_or(0, |end| end + 1);
        let line = text.get(begin..).unwrap_or_default().lines().next();
        line.unwrap_or_default().trim()
    } else {
        word
    };
    let reason = error.message().lines().collect::<Vec<_>>().join(", ");
    at(&span, wrong(word, reason))
}

/// More than anybody writes, and little enough to be read whole.
const LARGEST: u64 = 1 << 20;

const MOST_NODES: usize = 64;

const LONGEST_NAME: usize = 16;

#[cfg(test)]
mod tests;
