//! The tables, as Markdown that can be read as it is.

use std::fmt::Write as _;

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
    let own = if variant.lladdr_carpdev() {
        "carpctl-carpdev"
    } else {
        "carpctl"
    };
    let takes_part = |contender: &dyn Contender| {
        let name = contender.name();
        contender.families().contains(&variant.family())
            && (!name.starts_with("carpctl") || name == own)
    };
    let columns: Vec<(usize, &dyn Contender)> = contenders
        .iter()
        .map(AsRef::as_ref)
        .enumerate()
        .filter(|(_, contender)| takes_part(*contender))
        .collect();

    let mut rows = vec![vec!["Fault at the master".to_owned(), "Limit".to_owned()]];
    if let Some(head) = rows.first_mut() {
        for (_, contender) in &columns {
            let name = match contender.name() {
                name if name == own => {
                    head.extend(
                        ["carpctl lost", "both hold", "also seen", "verdict"].map(str::to_owned),
                    );
                    continue;
                }
                "keepalived-vmac" => "keepalived use_vmac",
                name => name,
            };
            head.push(name.to_owned());
        }
    }
    for &fault in faults {
        for (number, phase) in fault.phases().iter().enumerate() {
            let mut row = vec![phase.title.to_owned(), limit(phase)];
            for &(index, contender) in &columns {
                let is_own = contender.name() == own;
                let Some(runs) = outcomes.get(&(fault, index)) else {
                    let installed = contender.version().is_some();
                    let why = if installed { "–" } else { "not installed" };
                    row.extend(vec![why.to_owned(); if is_own { OWN_COLUMNS } else { 1 }]);
                    continue;
                };
                let summary = Summary::of(runs, variant.family(), number, phase);
                if is_own {
                    let met = summary.misses.is_empty();
                    let verdict = if met { "met" } else { "**missed**" };
                    row.extend([summary.lost, summary.both, summary.seen, verdict.to_owned()]);
                    misses.extend(
                        summary
                            .misses
                            .iter()
                            .map(|miss| format!("{}: {}: {miss}", variant.title(), phase.title)),
                    );
                }
            }
            rows.push(row);
        }
    }
    format!("### {}\n\n{}", variant.title(), aligned(&rows))
}

/// Rows as a table whose columns are as wide as they must be.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _infallible = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            for width in &widths {
                let _infallible = write!(text, "|{:-<1$}", "", width + 2);
            }
            text.push_str("|\n");
        }
    }
    text
}

/// Lost, both hold, also seen, verdict.
const OWN_COLUMNS: usize = 4;
