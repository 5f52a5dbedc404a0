//! What happens and when: lines such as `10s one crash`.

use std::ffi::OsString;
use std::time::Duration;

use carp_net::carp_fsm::{Damage, LinkState, TakenDown};
use carp_net::memory::Harm;
use carp_net::simulation::Incident;

use super::operator::{self, Saying};
use super::quantity;
use crate::clients::netstart::lines::{Line, lines};
use crate::vocabulary::words::{nearest, password_position};

/// Something that is to happen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) after: Duration,
    /// As it stands in the file, without the time and the node.
    pub(super) text: String,
    pub(super) act: Act,
}

impl Entry {
    /// The node that it happens to, if it is one.
    pub(super) const fn node(&self) -> Option<usize> {
        match &self.act {
            Act::Incident(incident) => incident.node(),
            Act::Said(node, _) => Some(*node),
        }
    }
}

/// What it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    Incident(Incident),
    /// What comes of it depends on what was said before.
    Said(usize, Saying),
}

/// What is wrong with a line, and at which word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) word: String,
    pub(super) reason: String,
}

/// Understands a line; `nodes` are the names there are.
pub(super) fn entry(line: &str, nodes: &[String]) -> Result<Entry, Wrong> {
    let all = split(line)?;
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    let Some((time, words)) = words.split_first() else {
        return Err(wrong(
            "",
            "a time and what happens must be said, such as `10s one crash'",
        ));
    };
    let after = quantity::span(time).map_err(|error| wrong(*time, error))?;
    let name = words
        .first()
        .filter(|name| nodes.iter().any(|it| it == *name));
    let text = shown(words.get(usize::from(name.is_some())..).unwrap_or_default());
    let act = match words.split_first() {
        None => {
            return Err(wrong(
                *time,
                "a node or one of cut, heal and network must follow",
            ));
        }
        Some((&"cut", rest)) => Act::Incident(pair(rest, nodes, Incident::Cut)?),
        Some((&"heal", rest)) => Act::Incident(pair(rest, nodes, Incident::Heal)?),
        Some((&"network", rest)) => Act::Incident(network(rest)?),
        Some((name, rest)) => of_node(node(name, nodes)?, name, rest)?,
    };
    Ok(Entry { after, text, act })
}

/// The words of `text`, as a shell would take it apart.
pub(super) fn split(text: &str) -> Result<Vec<String>, Wrong> {
    let lines = lines(text.as_bytes()).map_err(|error| wrong(text, error.problem))?;
    let mut words = Vec::new();
    for line in lines {
        let Line::Words(line) = line else {
            return Err(wrong("!", "no commands run in a simulation"));
        };
        words.extend(
            line.iter()
                .filter_map(|word| word.as_str().map(str::to_owned)),
        );
    }
    Ok(words)
}

/// Words as they are shown: nobody is shown a password.
fn shown(words: &[&str]) -> String {
    let secret = password_position(words);
    let words = words.iter().enumerate();
    let words = words.map(|(at, word)| if Some(at) == secret { "…" } else { *word });
    words.collect::<Vec<_>>().join(" ")
}

pub(super) fn wrong(word: impl Into<String>, reason: impl ToString) -> Wrong {
    Wrong {
        word: word.into(),
        reason: reason.to_string(),
    }
}

/// The number of a node.
fn node(name: &str, nodes: &[String]) -> Result<usize, Wrong> {
    let found = nodes.iter().position(|it| it == name);
    found.ok_or_else(|| {
        let names = nodes.join(", ");
        wrong(
            name,
            format!("no such node ({names}), nor cut, heal or network"),
        )
    })
}

fn pair(
    words: &[&str],
    nodes: &[String],
    what: impl Fn(usize, usize) -> Incident,
) -> Result<Incident, Wrong> {
    match words {
        [one, other] if one != other => Ok(what(node(one, nodes)?, node(other, nodes)?)),
        _ => Err(wrong(words.join(" "), "the names of two nodes must follow")),
    }
}

/// `loss 10%` and the like.
fn network(words: &[&str]) -> Result<Incident, Wrong> {
    let allowed = "must be loss, duplicate, delay or reorder, and a value";
    let Some((setting, value)) = words.split_first().filter(|(_, value)| !value.is_empty()) else {
        return Err(wrong(format!("network {}", words.join(" ")), allowed));
    };
    let value = value.join(" ");
    let misread = |error| wrong(format!("{setting} {value}"), error);
    Ok(match *setting {
        "loss" => Incident::Loss(quantity::share(&value).map_err(misread)?),
        "duplicate" => Incident::Doubling(quantity::share(&value).map_err(misread)?),
        "reorder" => Incident::Reordering(quantity::switch(&value).map_err(misread)?),
        "delay" => {
            let (least, most) = quantity::delay(&value).map_err(misread)?;
            Incident::Transit(least, most)
        }
        other => return Err(wrong(other, allowed)),
    })
}

/// What happens to one node, or is said there.
fn of_node(node: usize, name: &str, words: &[&str]) -> Result<Act, Wrong> {
    let Some((verb, rest)) = words.split_first() else {
        return Err(wrong(name, format!("must be followed by {}", verbs())));
    };
    let alone = |incident| match rest {
        [] => Ok(incident),
        _ => Err(wrong(*verb, "nothing must follow")),
    };
    let incident = match (*verb, rest) {
        ("crash", _) => alone(Incident::PowerOff(node))?,
        ("start", _) => alone(Incident::Begin(node))?,
        ("stop", _) => alone(Incident::Stop(node))?,
        ("kill", _) => alone(Incident::Kill(node))?,
        ("recover", _) => alone(Incident::Recover(node))?,
        ("pause", _) => alone(Incident::Pause(node))?,
        ("resume", _) => alone(Incident::Resume(node))?,
        ("restart", []) => Incident::Restart(node, RESTART),
        ("restart", [span]) => {
            let span = quantity::span(span).map_err(|error| wrong(*span, error))?;
            Incident::Restart(node, span)
        }
        ("drift", [gain]) => {
            let gain = quantity::drift(gain).map_err(|error| wrong(*gain, error))?;
            Incident::Drift(node, gain)
        }
        ("link", [carpdev, state]) => Incident::Link {
            node,
            carpdev: (*carpdev).to_owned(),
            state: link_state(state)?,
        },
        ("harm", [interface, harm]) => Incident::Harm {
            node,
            interface: (*interface).to_owned(),
            harm: self::harm(harm)?,
        },
        ("restart" | "drift" | "link" | "harm", _) => {
            let usage = VERBS.iter().find(|usage| usage.starts_with(verb));
            let usage = usage.copied().unwrap_or_default();
            return Err(wrong(*verb, format!("write `{usage}'")));
        }
        _ => {
            let said: Vec<OsString> = words.iter().map(OsString::from).collect();
            return match operator::understood(&said)? {
                Some(saying) => Ok(Act::Said(node, saying)),
                None => Err(unknown(verb)),
            };
        }
    };
    Ok(Act::Incident(incident))
}

fn link_state(word: &str) -> Result<LinkState, Wrong> {
    match word {
        "up" => Ok(LinkState::Up),
        "down" => Ok(LinkState::Down),
        "absent" => Ok(LinkState::Absent),
        _ => Err(wrong(word, "must be up, down or absent")),
    }
}

fn harm(word: &str) -> Result<Harm, Wrong> {
    Ok(match word {
        "address" => Harm::Damage(Damage::Address),
        "lladdr" => Harm::Damage(Damage::LinkAddress),
        "inet6" => Harm::Damage(Damage::Inet6Disabled),
        "down" => Harm::TakeDown(TakenDown::SetDown),
        "deleted" => Harm::TakeDown(TakenDown::Deleted),
        _ => {
            let allowed = "must be address, lladdr, inet6, down or deleted";
            return Err(wrong(word, allowed));
        }
    })
}

fn unknown(verb: &str) -> Wrong {
    let verbs = VERBS.iter().filter_map(|usage| usage.split(' ').next());
    let reason = match nearest(verb, verbs) {
        Some(meant) => format!("nothing is called so (did you mean `{meant}'?)"),
        None => format!("must be {}", self::verbs()),
    };
    wrong(verb, reason)
}

fn verbs() -> String {
    let verbs = VERBS.iter().filter_map(|usage| usage.split(' ').next());
    let verbs = verbs.collect::<Vec<_>>().join(", ");
    format!("{verbs}, carpN, -g or sysctl")
}

/// What may happen to a node.
const VERBS: [&str; 11] = [
    "crash",
    "start",
    "stop",
    "kill",
    "recover",
    "restart [TIME]",
    "pause",
    "resume",
    "drift DRIFT",
    "link CARPDEV up|down|absent",
    "harm INTERFACE address|lladdr|inet6|down|deleted",
];

/// How long `carpctl restart` takes where nothing else is said.
const RESTART: Duration = Duration::from_millis(20);
