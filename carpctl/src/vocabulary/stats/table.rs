//! The table of counters.

use carp_net::carp_fsm::Counters;

/// A counter: its name, its line, and where its value comes from.
#[derive(Debug)]
pub(crate) struct Counter {
    /// The field of the kernels' `struct carpstats` without `carps_`, or our own name. Programs
    /// rely on it.
    pub(crate) name: &'static str,
    pub(crate) whose: Whose,
    /// `None` where `netstat` keeps it to itself.
    pub(crate) line: Option<Line>,
    /// What Prometheus is told of it; `None` where it is always 0.
    pub(crate) metric: Option<Metric>,
    pub(crate) value: fn(&Counters) -> u64,
}

/// Who has such a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// OpenBSD's kernel.
    OpenBsd,
    /// Nobody but us.
    Ours,
}

/// A line of text: the number stands behind the indentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) indent: &'static str,
    /// The words for 1.
    pub(crate) one: &'static str,
    /// The words for any other number.
    pub(crate) many: &'static str,
}

/// A metric of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    /// Its name, without whose it is in front.
    pub(crate) name: &'static str,
    /// What tells it from others of that name.
    pub(crate) label: Option<(&'static str, &'static str)>,
}

impl Counter {
    /// The metric `name`, all of it.
    const fn metric(mut self, name: &'static str) -> Self {
        self.metric = Some(Metric { name, label: None });
        self
    }

    /// Of the metric `name` the part where the label `key` is `value`.
    const fn part_of(mut self, name: &'static str, key: &'static str, value: &'static str) -> Self {
        let label = Some((key, value));
        self.metric = Some(Metric { name, label });
        self
    }

    const fn received(self, family: &'static str) -> Self {
        self.part_of(RECEIVED, "family", family)
    }

    const fn refused(self, reason: &'static str) -> Self {
        self.part_of(REFUSED, "reason", reason)
    }

    const fn sent(self, family: &'static str) -> Self {
        self.part_of("packets_sent_total", "family", family)
    }
}

const fn counter(name: &'static str, line: Option<Line>, value: fn(&Counters) -> u64) -> Counter {
    Counter {
        name,
        whose: Whose::OpenBsd,
        line,
        metric: None,
        value,
    }
}

const fn ours(name: &'static str, line: Line, value: fn(&Counters) -> u64) -> Counter {
    Counter {
        name,
        whose: Whose::Ours,
        line: Some(line),
        metric: None,
        value,
    }
}

/// A line of its own.
const fn total(one: &'static str, many: &'static str) -> Line {
    Line {
        indent: "\t",
        one,
        many,
    }
}

/// A line below one of those.
const fn part(one: &'static str, many: &'static str) -> Line {
    Line {
        indent: "\t\t",
        one,
        many,
    }
}

/// Nothing here can be a reason for it.
const fn never(_: &Counters) -> u64 {
    0
}

/// The metric that everything counts for which is received.
pub(crate) const RECEIVED: &str = "packets_received_total";

/// The metric that everything counts for which is refused.
pub(crate) const REFUSED: &str = "packets_refused_total";

/// How many counters there are.
pub(super) const HOW_MANY: usize = 22;

/// All counters: those of OpenBSD in the order of the struct, which is that of `netstat`
/// (`docs/carp-protocol.md §3`), and behind them ours.
pub(crate) static COUNTERS: [Counter; HOW_MANY] = [
    counter(
        "ipackets",
        Some(total("packet received (IPv4)", "packets received (IPv4)")),
        |it| it.ipackets,
    )
    .received("inet"),
    counter(
        "ipackets6",
        Some(total("packet received (IPv6)", "packets received (IPv6)")),
        |it| it.ipackets6,
    )
    .received("inet6"),
    counter(
        "badif",
        Some(part(
            "packet discarded for bad interface",
            "packets discarded for bad interface",
        )),
        |it| it.badif,
    )
    .refused("interface"),
    counter(
        "badttl",
        Some(part(
            "packet discarded for wrong TTL",
            "packets discarded for wrong TTL",
        )),
        |it| it.badttl,
    )
    .refused("ttl"),
    // Who reads whole packets finds no header that is cut off.
    counter(
        "hdrops",
        Some(part(
            "packet shorter than header",
            "packets shorter than header",
        )),
        never,
    ),
    counter(
        "badsum",
        Some(part(
            "discarded for bad checksum",
            "discarded for bad checksums",
        )),
        |it| it.badsum,
    )
    .refused("checksum"),
    counter(
        "badver",
        Some(part(
            "discarded packet with a bad version",
            "discarded packets with a bad version",
        )),
        |it| it.badver,
    )
    .refused("version"),
    counter(
        "badlen",
        Some(part(
            "discarded because packet too short",
            "discarded because packet too short",
        )),
        |it| it.badlen,
    )
    .refused("length"),
    counter(
        "badauth",
        Some(part(
            "discarded for bad authentication",
            "discarded for bad authentication",
        )),
        |it| it.badauth,
    )
    .refused("authentication"),
    counter(
        "badvhid",
        Some(part(
            "discarded for unknown vhid",
            "discarded for unknown vhid",
        )),
        |it| it.badvhid,
    )
    .refused("vhid"),
    counter(
        "badaddrs",
        Some(part(
            "discarded because of a bad address list",
            "discarded because of a bad address list",
        )),
        never,
    ),
    counter(
        "opackets",
        Some(total("packet sent (IPv4)", "packets sent (IPv4)")),
        |it| it.opackets,
    )
    .sent("inet"),
    counter(
        "opackets6",
        Some(total("packet sent (IPv6)", "packets sent (IPv6)")),
        |it| it.opackets6,
    )
    .sent("inet6"),
    counter(
        "onomem",
        Some(part(
            "send failed due to mbuf memory error",
            "send failed due to mbuf memory error",
        )),
        |it| it.onomem,
    )
    .metric("send_memory_errors_total"),
    counter("ostates", None, never),
    counter(
        "preempt",
        Some(total("transition to master", "transitions to master")),
        |it| it.preempt,
    )
    .metric("master_transitions_total"),
    ours(
        "oerrors",
        total("packet not sent", "packets not sent"),
        |it| it.oerrors,
    )
    .metric("send_errors_total"),
    ours(
        "reflected",
        total("own packet that came back", "own packets that came back"),
        |it| it.reflected,
    )
    .metric("packets_reflected_total"),
    ours(
        "filtered",
        total(
            "packet dropped by the kernel's filter",
            "packets dropped by the kernel's filter",
        ),
        |it| it.filtered,
    )
    .metric("packets_filtered_total"),
    ours(
        "freezes",
        total("freeze of the service", "freezes of the service"),
        |it| it.freezes,
    )
    .metric("freezes_total"),
    ours(
        "incidents",
        total("change by another program", "changes by another program"),
        |it| it.incidents,
    )
    .metric("incidents_total"),
    ours(
        "transitions",
        total("change of state", "changes of state"),
        |it| it.transitions,
    )
    .metric("transitions_total"),
];
