//! The part of `RESULTS.md`.

use std::fmt::Write as _;

use carp_benches::{Result, aligned, results};

use crate::rounds::Cost;
use crate::{nodes, packets};

/// The whole part.
pub(crate) fn text(packets: &[Cost], nodes: &[Cost], rounds: u32) -> Result<String> {
    Ok(format!(
        "## Cost of an advertisement\n\n{}; {rounds} rounds.\n\n{EXPLANATION}\n{}\n{NODES}\n{}\n{REFUSALS}\n{}\n",
        results::machine(),
        aligned(&codec(packets)?),
        aligned(&flat(nodes)?),
        aligned(&refused(nodes)?),
    ))
}

/// All figures, without limits.
pub(crate) fn plain(costs: &[Cost]) -> String {
    let mut text = String::new();
    for cost in costs {
        let (median, most) = (cost.median(), cost.most());
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{median:>8.1} {most:>8.1}  {}", cost.name);
    }
    text
}

fn codec(costs: &[Cost]) -> Result<Vec<Vec<String>>> {
    let bare = of(costs, packets::BARE)?;
    let mut rows = vec![row([
        "",
        "median",
        "90 %",
        "times bare",
        "limit",
        "verdict",
    ])];
    for cost in costs {
        let over = cost.over(bare);
        let (limit, met) = match cost.name.as_str() {
            packets::RECEIVED | packets::SENT => (format!("{MOST_OVER} times"), over <= MOST_OVER),
            "refuse a bad checksum" | "refuse a short packet" => {
                (format!("{MOST_REFUSED} ns"), cost.median() < MOST_REFUSED)
            }
            _ => (String::from("–"), true),
        };
        rows.push(vec![
            cost.name.clone(),
            nanos(cost.median()),
            nanos(cost.most()),
            format!("{over:.2}"),
            limit.clone(),
            verdict(&limit, met),
        ]);
    }
    Ok(rows)
}

fn flat(costs: &[Cost]) -> Result<Vec<Vec<String>>> {
    let mut rows = vec![row([
        "",
        "alone",
        "4,080 nodes of 1",
        "16 nodes of 255",
        "1 node of 4,080",
        "over 4,080 nodes of 1",
        "verdict",
        "over alone",
        "verdict",
    ])];
    for what in [nodes::HEARD, nodes::SENT] {
        let alone = of(costs, &nodes::name(what, 1, 1))?;
        let shared = nodes::SIZES.map(|hosts| {
            let name = nodes::name(what, nodes::ALL / hosts, hosts);
            of(costs, &name)
        });
        let [each, some, all] = shared;
        let (each, some, all) = (each?, some?, all?);
        let times = [alone, each, some, all].map(|cost| nanos(cost.median()));
        let mut cells = vec![what.to_owned()];
        cells.extend(times);
        for other in [each, alone] {
            let over = all.over(other);
            cells.push(format!("{over:.2}"));
            cells.push(verdict("", over <= MOST_GROWN));
        }
        rows.push(cells);
    }
    Ok(rows)
}

fn refused(costs: &[Cost]) -> Result<Vec<Vec<String>>> {
    let sizes = ["of 1", "of 255", "of 4,080"];
    let [least, more, most] = sizes;
    let mut rows = vec![row(["", least, more, most, "limit", "verdict"])];
    for (what, _) in nodes::REFUSED {
        for in_turn in [false, true] {
            let cost = |hosts| {
                let victims = if in_turn { hosts } else { 1 };
                of(costs, &nodes::refused(what, victims, hosts)).map(Cost::median)
            };
            let times: Vec<f64> = nodes::SIZES.into_iter().map(cost).collect::<Result<_>>()?;
            let missed = sizes.into_iter().zip(&times);
            let missed = missed.filter(|(_, time)| **time >= MOST_REFUSED);
            let missed: Vec<&str> = missed.map(|(size, _)| size).collect();
            let limit = format!("{MOST_REFUSED} ns");
            let mut verdict = verdict(&limit, missed.is_empty());
            if !missed.is_empty() {
                verdict += &format!(" {}", missed.join(", "));
            }
            let who = if in_turn {
                "for each in turn"
            } else {
                "for the same"
            };
            let mut cells = vec![format!("{what}, {who}")];
            cells.extend(times.into_iter().map(nanos));
            cells.extend([limit, verdict]);
            rows.push(cells);
        }
    }
    Ok(rows)
}

fn of<'a>(costs: &'a [Cost], name: &str) -> Result<&'a Cost> {
    let found = costs.iter().find(|cost| cost.name == name);
    found.ok_or_else(|| format!("{name}: not measured").into())
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn nanos(value: f64) -> String {
    format!("{value:.0} ns")
}

fn verdict(limit: &str, met: bool) -> String {
    String::from(match (limit, met) {
        ("–", _) => "–",
        (_, true) => "met",
        (_, false) => "**missed**",
    })
}

const MOST_OVER: f64 = 1.5;
const MOST_REFUSED: f64 = 100.0;
const MOST_GROWN: f64 = 1.25;

const EXPLANATION: &str = "\
Made by `cargo bench -p carp-benches --bench codec`, which needs no rights.

Everything is measured in turn, 20 µs of each in a round. Times are medians over the rounds and what
nine rounds of ten were below; a ratio is the median of the ratios within a round. The bare cost is
that of the compressions of SHA-1 that the digest of an advert with one IPv4 address needs when what is
the same in each is kept: one block of version, type, vhid, address and counter, and one of the outer
hash, which takes in what the first one gives.
";

const NODES: &str = "\
In a node: `Node::handle_packet` and all that comes with it, timers and `Node::deadline` included, until
nothing is left to be done; to send one is to be woken, to sign it, and to hear that it has left. *Alone*
is one virtual host again and again, with all that is known of it in the processor's nearest cache. In
the other columns there are 4,080 of them, 255 on a link, and each has its turn, in an order that has
nothing to do with where it lies in memory; as much memory is gone through in each of these, so that a
difference between them is what a node costs that has many, and between them and the first column what
memory costs, which is more than all the rest.

Flat is what costs no more than 1.25 times as much in one node of 4,080, and it is held against both: beside
as many nodes of one it is what a node adds that has many; beside one virtual host alone it is the whole difference
between 1 and 4,080. Where the latter is missed and the former is met, what costs more is memory: that of
4,080 is more than a core's own caches hold, and as far away where each is in a node of its own.

Masters of one node advertise together where they can, so that one wakes for many: what is sent with
others is at hand, which makes it cheaper than in nodes of one.
";

const REFUSALS: &str = "\
Refused by `Node::handle_packet` in a node of so many virtual hosts, each time from another source, as in
a flood that goes on: packets for the same one of them, and for each of them in turn, in an order that has
nothing to do with where it lies. Before each batch that is measured every one that is meant has had its
turn, and of up to 255 so often that its list of sources has been gone through.

The same is done for each packet, whoever is meant and however many there are, so that what differs within
a row is memory: a refusal changes counters of the virtual host that is meant and the list of those whose
packets it refused, almost 1 KiB for each of them. What the 255 that a link can have need of it stays near a
core. What 4,080 need, where 16 links are flooded in turn, does not: where the limit is missed there, it is
the processor that waits for memory, and nothing that could be left undone. It is a fraction of the three
microseconds that it takes to read a packet from its socket.
";
