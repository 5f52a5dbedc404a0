//! A case as a file for `carpctl sim`, with which it is the same run.

use std::fmt::Write as _;
use std::time::Duration;

use carp_net::carp_fsm::{Command, Damage, LinkState, Lladdr, TakenDown};
use carp_net::memory::Harm;

use crate::case::Case;
use crate::faults::{CARPDEV, Fault, INTERFACE};
use crate::setting::{Setting, addresses_of, name};

/// The text of the file.
pub(crate) fn file(case: &Case) -> String {
    let Setting {
        preempts,
        leases,
        transit,
        work,
        doubling,
        size,
        ..
    } = &case.setting;
    let on = |on: &bool| u8::from(*on);
    let mut text = format!(
        "length = \"{}\"\nsysctl = \"net.inet.carp.preempt={} net.inet.carp.lease={}\"\n",
        micros(case.end()),
        on(preempts),
        on(leases)
    );
    text.push_str("events = [\n");
    for (at, fault) in case.all() {
        writeln!(text, "    \"{} {}\",", micros(at), words(fault)).unwrap();
    }
    writeln!(
        text,
        "]\n\n[network]\ndelay = \"{}\"\nwork = \"{}\"\nduplicate = \"{}\"",
        range(*transit),
        range(*work),
        share(*doubling)
    )
    .unwrap();
    for node in 0..*size {
        let (name, drift) = (name(node), case.setting.drift(node));
        writeln!(text, "\n[node.{name}]\ndrift = \"{drift}ppm\"").unwrap();
        writeln!(text, "{INTERFACE} = \"{}\"", interface(&case.setting, node)).unwrap();
    }
    text
}

/// The words that say what `carp0` of a node is.
fn interface(setting: &Setting, node: usize) -> String {
    let mut words = format!(
        "vhid 99 pass SharedSecret carpdev {CARPDEV} advbase {} advskew {} peers {}",
        setting.advbase,
        setting.skew(node),
        setting.dialect
    );
    match setting.lladdr {
        Lladdr::Carpdev => words.push_str(" lladdr carpdev"),
        Lladdr::Manual(mac) => write!(words, " lladdr {mac}").unwrap(),
        Lladdr::Virtual | _ => {}
    }
    let peers = (0..setting.size).filter(|peer| setting.unicast && *peer != node);
    for peer in peers.flat_map(addresses_of) {
        let keyword = if peer.is_ipv4() { "carppeer" } else { "peer6" };
        write!(words, " {keyword} {peer}").unwrap();
    }
    for address in setting.addresses {
        write!(words, " {address}").unwrap();
    }
    words
}

fn words(fault: Fault) -> String {
    let said = |node, words: &str| format!("{} {words}", name(node));
    match fault {
        Fault::Kill(node) => said(node, "kill"),
        Fault::Resume(node) => said(node, "recover"),
        Fault::Begin(node) => said(node, "start"),
        Fault::Restart(node, span) => said(node, &format!("restart {}", micros(span))),
        Fault::Pause(node, true) => said(node, "pause"),
        Fault::Pause(node, false) => said(node, "resume"),
        Fault::Link(node, state) => {
            let state = match state {
                LinkState::Up => "up",
                LinkState::Down => "down",
                _ => "absent",
            };
            said(node, &format!("link {CARPDEV} {state}"))
        }
        Fault::PowerOff(node) => said(node, "crash"),
        Fault::Cut(one, other, cut) => {
            let verb = if cut { "cut" } else { "heal" };
            format!("{verb} {} {}", name(one), name(other))
        }
        Fault::Harm(node, harm) => said(node, &format!("harm {INTERFACE} {}", harmed(harm))),
        Fault::Command(node, command) => {
            let command = match command {
                Command::Up => "up",
                Command::Down => "down",
                Command::Master => "state master",
                Command::Backup => "state backup",
            };
            said(node, &format!("{INTERFACE} {command}"))
        }
        Fault::Destroy(node) => said(node, &format!("{INTERFACE} destroy")),
        Fault::Stop(node) => said(node, "stop"),
        Fault::Demote(node, 0) => said(node, "-g carp -carpdemote owner test"),
        Fault::Demote(node, amount) => {
            said(node, &format!("-g carp carpdemote {amount} owner test"))
        }
        Fault::Loss(per_million) => format!("network loss {}", share(per_million)),
        Fault::Doubling(per_million) => format!("network duplicate {}", share(per_million)),
        Fault::Reordering(on) => format!("network reorder {}", if on { "on" } else { "off" }),
        Fault::Transit(least, most) => format!("network delay {}", range((least, most))),
    }
}

const fn harmed(harm: Harm) -> &'static str {
    match harm {
        Harm::Damage(Damage::LinkAddress) => "lladdr",
        Harm::Damage(Damage::Inet6Disabled) => "inet6",
        Harm::TakeDown(TakenDown::SetDown) => "down",
        Harm::TakeDown(_) => "deleted",
        Harm::Damage(_) | _ => "address",
    }
}

fn micros(span: Duration) -> String {
    format!("{}us", span.as_micros())
}

fn range((least, most): (Duration, Duration)) -> String {
    format!("{} to {}", micros(least), micros(most))
}

fn share(per_million: u32) -> String {
    format!("{}.{:04}%", per_million / 10_000, per_million % 10_000)
}
