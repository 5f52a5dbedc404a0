//! The tables, as Markdown that can be read as it is.

use carp_benches::aligned;
use carp_net::carp_fsm::carp_proto::Family;

use crate::contender::Contender;
use crate::fault::Fault;
use crate::rounds::Outcomes;
use crate::summary::{Summary, limit};

/// One of the four tables: this project's MAC mode, and the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Variant {
    VirtualMacIpv4,
    VirtualMacIpv6,
    LladdrCarpdevIpv4,
    LladdrCarpdevIpv6,
}

impl Variant {
    pub(crate) const fn family(self) -> Family {
        match self {
            Self::VirtualMacIpv4 | Self::LladdrCarpdevIpv4 => Family::Inet,
            Self::VirtualMacIpv6 | Self::LladdrCarpdevIpv6 => Family::Inet6,
        }
    }

    pub(crate) const fn lladdr_carpdev(self) -> bool {
        matches!(self, Self::LladdrCarpdevIpv4 | Self::LladdrCarpdevIpv6)
    }

    const fn title(self) -> &'static str {
        match self {
            Self::VirtualMacIpv4 => "Virtual MAC, IPv4",
            Self::VirtualMacIpv6 => "Virtual MAC, IPv6",
            Self::LladdrCarpdevIpv4 => "`lladdr carpdev`, IPv4",
            Self::LladdrCarpdevIpv6 => "`lladdr carpdev`, IPv6",
        }
    }
}

/// The table of a variant; what misses its limit is added to `misses`.
pub(crate) fn table(
    variant: Variant,
    faults: &[Fault],
    contenders: &[Box<dyn Contender>],
    outcomes: &Outcomes,
    misses: &mut Vec<String>,
) -> String {
    let columns: Vec<Column> = contenders
        .iter()
        .enumerate()
        .filter_map(|(index, contender)| Column::of(index, contender.as_ref(), variant))
        .collect();
    let titles = columns.iter().flat_map(|column| column.head);
    let head = ["fault at the master", "limit"].iter().chain(titles);
    let mut rows = vec![head.map(|&title| title.to_owned()).collect::<Vec<_>>()];
    for &fault in faults {
        for (number, phase) in fault.phases().iter().enumerate() {
            let mut row = vec![phase.title.to_owned(), limit(phase)];
            for column in &columns {
                let Some(runs) = outcomes.get(&(fault, column.contender)) else {
                    row.extend(column.head.iter().map(|_| column.without.to_owned()));
                    continue;
                };
                let summary = Summary::of(runs, variant.family(), number, phase);
                if column.head != OWN_HEAD {
                    row.push(format!("{} / {}", summary.lost, summary.both));
                    continue;
                }
                let met = summary.misses.is_empty();
                let verdict = if met { "met" } else { "**missed**" };
                row.extend([summary.lost, summary.both, summary.seen, verdict.to_owned()]);
                let title = format!("{}: {}", variant.title(), phase.title);
                misses.extend(summary.misses.iter().map(|miss| format!("{title}: {miss}")));
            }
            rows.push(row);
        }
    }
    format!("### {}\n\n{}", variant.title(), aligned(&rows))
}

/// What a contender has in a table.
#[derive(Debug)]
struct Column {
    /// The contender's number.
    contender: usize,
    head: &'static [&'static str],
    /// What stands there for a fault that was not played.
    without: &'static str,
}

impl Column {
    /// `None` where the contender has no place in the table.
    fn of(index: usize, contender: &dyn Contender, variant: Variant) -> Option<Self> {
        if !contender.families().contains(&variant.family()) {
            return None;
        }
        let head: &[&str] = match contender.name() {
            "carpctl" if variant.lladdr_carpdev() => return None,
            "carpctl-carpdev" if !variant.lladdr_carpdev() => return None,
            "carpctl" | "carpctl-carpdev" => OWN_HEAD,
            "ucarp" => &["ucarp"],
            "keepalived" => &["keepalived"],
            _ => &["keepalived use_vmac"],
        };
        let installed = contender.version().is_some();
        Some(Self {
            contender: index,
            head,
            without: if installed { "–" } else { "not installed" },
        })
    }
}

const OWN_HEAD: &[&str] = &["carpctl lost", "both hold", "also seen", "verdict"];
