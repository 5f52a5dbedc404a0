//! What a node has counted, and what it should have.

use std::collections::BTreeMap;

use serde_json::Value;

/// The counters of a service, by name.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Those of an answer to `stats --json`.
pub(crate) fn counts(answer: &Value) -> Counts {
    let all = answer.get("counters").and_then(Value::as_object);
    let all = all.into_iter().flatten();
    all.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?)))
        .collect()
}

/// How much a counter has grown.
pub(crate) fn grown(before: &Counts, after: &Counts, name: &str) -> u64 {
    let of = |counts: &Counts| counts.get(name).copied().unwrap_or_default();
    of(after).saturating_sub(of(before))
}

/// How many of `sent` frames, which go in turn, are of each kind, by the counter of those who refuse it:
/// a third each, and of the rubbish every second one is too short.
pub(crate) const fn kinds(sent: u64) -> [(&'static str, u64); 4] {
    [
        ("badauth", sent.div_ceil(3)),
        ("badvhid", (sent + 1) / 3),
        ("badsum", (sent + 3) / 6),
        ("badlen", sent / 6),
    ]
}

/// What is not counted exactly after so many forged frames below the rate of the filter, each with
/// what it should be.
pub(crate) fn inexact(before: &Counts, after: &Counts, sent: u64) -> Vec<String> {
    let none = ["badif", "badttl", "badver", "filtered", "transitions"].map(|name| (name, 0));
    let expected = kinds(sent).into_iter().chain(none);
    let wrong = expected.filter_map(|(name, expected)| {
        let is = grown(before, after, name);
        (is != expected).then(|| format!("{name} {is} and not {expected}"))
    });
    wrong.collect()
}

/// What came to a node while it was flooded, beside what it has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Came {
    /// Forged frames.
    pub(crate) sent: u64,
    /// Authentic adverts of the other node.
    pub(crate) heard: u64,
    /// What its sockets had no room for, whatever it was.
    pub(crate) without_room: u64,
}

/// What is not counted as it should be after a flood above the rate of the filter. The filter drops no
/// advert of a configured vhid below a rate of its own, so that each of those is refused by its digest
/// or had no room; which of the others the filter has dropped is not told, but no frame is in more than
/// one counter, none in that of another kind, and all together are as many as were sent.
pub(crate) fn inexact_amid(before: &Counts, after: &Counts, came: Came) -> Vec<String> {
    let Came {
        sent,
        heard,
        without_room,
    } = came;
    let mut wrong = Vec::new();
    let mut refused = 0;
    for (name, most) in kinds(sent) {
        let is = grown(before, after, name);
        refused += is;
        if is > most {
            wrong.push(format!("{name} {is}, of {most} sent"));
        }
        if name == "badauth" && is + without_room < most {
            wrong.push(format!(
                "{name} {is} and {without_room} without room, of {most} sent"
            ));
        }
    }
    for name in ["badif", "badttl", "badver", "transitions"] {
        let is = grown(before, after, name);
        if is > 0 {
            wrong.push(format!("{name} {is} and not 0"));
        }
    }
    let received = grown(before, after, "ipackets");
    if received != refused + heard {
        wrong.push(format!(
            "ipackets {received}, of which {refused} refused and {heard} heard"
        ));
    }
    let all = refused + grown(before, after, "filtered") + without_room;
    if all != sent {
        wrong.push(format!("each frame once: {all} of {sent}"));
    }
    wrong
}

/// How many packets the raw sockets of a network namespace had no room for, by its `net/raw`.
pub(crate) fn without_room(table: &str) -> u64 {
    let lines = table.lines().skip(1);
    let last = lines.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok());
    last.sum()
}
