//! What Prometheus is told of the service and of each interface: names and units by its
//! conventions, text in its format of version 0.0.4.
//!
//! [`families`](families::families) is the one place that knows the metrics: the text and the list
//! in `docs/metrics.md` come from it, and the counters in it from the table of
//! [`stats`](crate::vocabulary::stats). `carpctl metrics` and the service's own answer to a scrape are made
//! of the same facts by the same code.

mod address;
mod exposition;
mod facts;
mod families;
mod samples;

pub(crate) use address::MetricsAddress;
pub(crate) use exposition::Exposition;
pub(crate) use facts::{Facts, Heard, Held, Vitals};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::must_pass_promtool;
