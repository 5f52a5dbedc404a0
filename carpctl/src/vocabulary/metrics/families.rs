//! The table of metrics.

use std::fmt;
use std::sync::LazyLock;

use super::facts::{Facts, Heard, Held, Vitals};
use super::samples::{Samples, Seconds};
use crate::vocabulary::report::State;
use crate::vocabulary::settings::Setting;
use crate::vocabulary::stats::{COUNTERS, Counter, Counts, RECEIVED, REFUSED};

/// All metrics of one name.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// What it tells, and where that is not a matter of course, in which unit.
    pub(super) help: String,
    pub(super) labels: Vec<&'static str>,
    pub(super) of: Of,
}

/// What a value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, until the service ends.
    Counter,
    Gauge,
}

/// Whose values a family has, and where they come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    /// The program, whether there is a service or not.
    Program(fn(Option<&Vitals>, &mut Samples<'_>)),
    Service(fn(&Vitals, &mut Samples<'_>)),
    /// Those counters of the service that are this metric.
    ServiceCounters(&'static str),
    /// The interface groups, each with its demotion.
    Groups(fn(&str, i32, &mut Samples<'_>)),
    Interfaces(fn(&Facts, &mut Samples<'_>)),
    /// Those counters of the interfaces that are this metric.
    InterfaceCounters(&'static str),
}

/// All families, in the order of the text.
pub(super) fn families() -> &'static [Family] {
    static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
        let mut families = of_service();
        let whole = "the whole service";
        families.extend(of_counters("carp_", whole, &[], Of::ServiceCounters));
        families.extend(of_interfaces());
        families.extend(of_counters(
            "carp_interface_",
            "an interface",
            &[INTERFACE],
            Of::InterfaceCounters,
        ));
        families.extend(of_peers());
        families
    });
    &FAMILIES
}

fn of_service() -> Vec<Family> {
    vec![
        gauge(
            "carp_up",
            "Whether the service runs",
            &[],
            Of::Program(|vitals, samples| samples.add(&[], u8::from(vitals.is_some()))),
        ),
        gauge(
            "carp_build_info",
            "Always 1; the version of carpctl that runs",
            &["version"],
            Of::Program(|vitals, samples| {
                let own = env!("CARGO_PKG_VERSION");
                samples.add(&[vitals.map_or(own, |vitals| &vitals.version)], 1);
            }),
        ),
        gauge(
            "carp_service_start_time_seconds",
            "When the process of the service began, since 1970",
            &[],
            Of::Service(|vitals, samples| samples.add(&[], Seconds(vitals.started_ms))),
        ),
        gauge(
            "carp_service_resident_memory_bytes",
            "Memory that the process of the service has",
            &[],
            Of::Service(|vitals, samples| {
                if let Some(bytes) = vitals.resident {
                    samples.add(&[], bytes);
                }
            }),
        ),
        gauge(
            "carp_service_clients",
            "Connections to the control socket",
            &[],
            Of::Service(|vitals, samples| samples.add(&[], vitals.clients)),
        ),
        gauge(
            "carp_sysctl",
            "Settings of the service, as `carpctl sysctl' shows them",
            &["name"],
            Of::Service(|vitals, samples| {
                // Which is told of every group.
                let settings = Setting::ALL.into_iter();
                for setting in settings.filter(|it| *it != Setting::Demotion) {
                    samples.add(&[setting.name()], vitals.settings.get(setting));
                }
            }),
        ),
        gauge(
            "carp_group_demotion",
            "By how much an interface group is demoted; the node with the least is master",
            &["group"],
            Of::Groups(|group, demotion, samples| samples.add(&[group], demotion)),
        ),
    ]
}

fn of_interfaces() -> Vec<Family> {
    vec![
        gauge(
            "carp_interface_state",
            "1 for the state that the interface is in, 0 for the others",
            &[INTERFACE, "vhid", "carpdev", "state"],
            Of::Interfaces(|facts, samples| {
                let vhid = facts.vhid.map(|vhid| vhid.to_string()).unwrap_or_default();
                let carpdev = facts.carpdev.as_deref().unwrap_or_default();
                for state in [State::Init, State::Backup, State::Master] {
                    let name = match state {
                        State::Init => "init",
                        State::Backup => "backup",
                        State::Master => "master",
                    };
                    let is_it = u8::from(facts.state == state);
                    samples.add(&[&facts.name, &vhid, carpdev, name], is_it);
                }
            }),
        ),
        gauge(
            "carp_interface_up",
            "Whether the interface is to be up",
            &[INTERFACE],
            Of::Interfaces(|facts, samples| samples.add(&[&facts.name], u8::from(facts.up))),
        ),
        gauge(
            "carp_interface_carpdev_up",
            "Whether the carpdev of the interface is there, up and has a carrier",
            &[INTERFACE, "carpdev"],
            Of::Interfaces(|facts, samples| {
                if let (Some(carpdev), Some(up)) = (&facts.carpdev, facts.carpdev_up) {
                    samples.add(&[&facts.name, carpdev], u8::from(up));
                }
            }),
        ),
        gauge(
            "carp_interface_failing",
            "Whether something of the interface cannot be done at present",
            &[INTERFACE],
            Of::Interfaces(|facts, samples| samples.add(&[&facts.name], u8::from(facts.fails))),
        ),
        gauge(
            "carp_interface_advbase_seconds",
            "The advbase of the interface: whole seconds between two adverts",
            &[INTERFACE],
            Of::Interfaces(|facts, samples| samples.add(&[&facts.name], facts.advbase)),
        ),
        gauge(
            "carp_interface_advskew",
            "The advskew of the interface: 256ths of a second more between two adverts",
            &[INTERFACE],
            Of::Interfaces(|facts, samples| samples.add(&[&facts.name], facts.advskew)),
        ),
        gauge(
            "carp_interface_demotion",
            "The sum of the demotions of all groups of the interface",
            &[INTERFACE],
            Of::Interfaces(|facts, samples| samples.add(&[&facts.name], facts.demotion())),
        ),
        gauge(
            "carp_interface_addresses",
            "Addresses that the interface shares",
            &[INTERFACE, "family"],
            Of::Interfaces(|facts, samples| each_family(facts, samples, |held| held.configured)),
        ),
        gauge(
            "carp_interface_addresses_installed",
            "Addresses that the interface shares and the kernel has at present",
            &[INTERFACE, "family"],
            Of::Interfaces(|facts, samples| each_family(facts, samples, |held| held.installed)),
        ),
        gauge(
            "carp_interface_last_transition_timestamp_seconds",
            "When the state of the interface last changed, since 1970",
            &[INTERFACE],
            Of::Interfaces(|facts, samples| {
                if let Some(last) = facts.last_transition_ms {
                    samples.add(&[&facts.name], Seconds(last));
                }
            }),
        ),
        gauge(
            "carp_interface_peers",
            "Other nodes that the interface has heard, IPv4 and IPv6 counted apart",
            &[INTERFACE],
            Of::Interfaces(|facts, samples| samples.add(&[&facts.name], facts.peers.len())),
        ),
    ]
}

fn of_peers() -> Vec<Family> {
    vec![
        gauge(
            "carp_peer_last_advert_timestamp_seconds",
            "When the last authentic advert of another node was heard, since 1970",
            OF_PEER,
            Of::Interfaces(|facts, samples| {
                each_peer(facts, samples, |peer| Seconds(peer.last_ms));
            }),
        ),
        gauge(
            "carp_peer_advbase_seconds",
            "The advbase of the last advert of another node",
            OF_PEER,
            Of::Interfaces(|facts, samples| each_peer(facts, samples, |peer| peer.advbase)),
        ),
        gauge(
            "carp_peer_advskew",
            "The advskew of the last advert of another node; 255 where it said that it leaves",
            OF_PEER,
            Of::Interfaces(|facts, samples| each_peer(facts, samples, |peer| peer.advskew)),
        ),
        gauge(
            "carp_peer_demotion",
            "The demotion in the last advert of another node, 0 where its dialect has none",
            OF_PEER,
            Of::Interfaces(|facts, samples| each_peer(facts, samples, |peer| peer.demotion)),
        ),
        counter(
            "carp_peer_packets_received_total".to_owned(),
            "Packets received from another node, good or bad".to_owned(),
            OF_PEER.to_vec(),
            Of::Interfaces(|facts, samples| {
                each_peer(facts, samples, |peer| sum(&peer.counters, RECEIVED));
            }),
        ),
        counter(
            "carp_peer_packets_refused_total".to_owned(),
            "Packets of another node that were refused".to_owned(),
            OF_PEER.to_vec(),
            Of::Interfaces(|facts, samples| {
                each_peer(facts, samples, |peer| sum(&peer.counters, REFUSED));
            }),
        ),
    ]
}

/// What the counters tell, by the names that the table of counters has for it, and whether an
/// interface has it too.
const COUNTED: [(&str, &str, bool); 11] = [
    (RECEIVED, "Packets received, good or bad", true),
    (REFUSED, "Packets received and refused", true),
    (
        "packets_reflected_total",
        "Own adverts that came back, which are refused too",
        true,
    ),
    (
        "packets_filtered_total",
        "Packets that the kernel's filter dropped during a flood, neither received nor refused",
        false,
    ),
    ("packets_sent_total", "Adverts sent", true),
    ("send_errors_total", "Adverts that could not be sent", true),
    (
        "send_memory_errors_total",
        "Adverts that could not be sent for want of memory",
        true,
    ),
    ("transitions_total", "Changes of state", true),
    (
        "master_transitions_total",
        "Changes of state to master",
        true,
    ),
    (
        "freezes_total",
        "Times that the service did nothing for too long to be alive for others",
        false,
    ),
    (
        "incidents_total",
        "Times that another program changed what an interface needs",
        true,
    ),
];

/// The families that the counters make, each named and labelled as those of `whose`.
fn of_counters(
    prefix: &str,
    whose: &str,
    labels: &[&'static str],
    of: fn(&'static str) -> Of,
) -> Vec<Family> {
    let told = COUNTED.iter().filter(|it| it.2 || labels.is_empty());
    let family = |(metric, help, _): &(&'static str, &str, bool)| {
        let own = counters_of(metric).find_map(|counter| counter.metric?.label);
        let labels = labels.iter().copied().chain(own.map(|(key, _)| key));
        counter(
            format!("{prefix}{metric}"),
            format!("{help}; of {whose}"),
            labels.collect(),
            of(metric),
        )
    };
    told.map(family).collect()
}

/// Adds what `counters` have of `metric`, behind the values of the labels that are not theirs.
pub(super) fn count(metric: &str, whose: &[&str], counters: &Counts, samples: &mut Samples<'_>) {
    for (counter, value) in counters.iter() {
        if let Some(metric) = counter.metric.filter(|it| it.name == metric) {
            let own = metric.label.map(|(_, value)| value);
            let values: Vec<&str> = whose.iter().copied().chain(own).collect();
            samples.add(&values, value);
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        })
    }
}

// ---- helpers ----

fn gauge(name: &str, help: &str, labels: &[&'static str], of: Of) -> Family {
    Family {
        name: name.to_owned(),
        kind: Kind::Gauge,
        help: help.to_owned(),
        labels: labels.to_vec(),
        of,
    }
}

const fn counter(name: String, help: String, labels: Vec<&'static str>, of: Of) -> Family {
    Family {
        name,
        kind: Kind::Counter,
        help,
        labels,
        of,
    }
}

fn each_family(facts: &Facts, samples: &mut Samples<'_>, value: fn(&Held) -> usize) {
    for (family, held) in [("inet", &facts.inet), ("inet6", &facts.inet6)] {
        samples.add(&[&facts.name, family], value(held));
    }
}

fn each_peer<T: fmt::Display>(facts: &Facts, samples: &mut Samples<'_>, value: fn(&Heard) -> T) {
    for peer in &facts.peers {
        samples.add(&[&facts.name, &peer.source.to_string()], value(peer));
    }
}

fn counters_of(metric: &str) -> impl Iterator<Item = &'static Counter> {
    let is_it = move |counter: &&Counter| counter.metric.is_some_and(|it| it.name == metric);
    COUNTERS.iter().filter(is_it)
}

/// All that `counters` have of a metric.
fn sum(counters: &Counts, metric: &str) -> u64 {
    let is_it = |counter: &Counter| counter.metric.is_some_and(|it| it.name == metric);
    let of_it = counters.iter().filter(|(counter, _)| is_it(counter));
    of_it.map(|(_, value)| value).sum()
}

const INTERFACE: &str = "interface";
const OF_PEER: &[&str] = &[INTERFACE, "peer"];
