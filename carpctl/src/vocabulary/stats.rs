//! What was counted, of the whole service, of each interface and of each peer it hears.
//!
//! [`COUNTERS`] is the one place that knows the counters: the text, which is that of OpenBSD's
//! `netstat -s -p carp`, and the data for programs both come from it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

use carp_net::carp_fsm::{self, Counters};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod table;
use table::HOW_MANY;
pub(crate) use table::{COUNTERS, Counter, RECEIVED, REFUSED, Whose};

/// The counters of the service or of an interface, and of those it hears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// The interface; `None` for the whole service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) counters: Counts,
    /// Whose adverts it hears; not all where there are very many. The service itself has none.
    #[serde(default)]
    pub(crate) peers: Vec<Peer>,
}

/// Another node, as one interface hears it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) source: IpAddr,
    pub(crate) counters: Counts,
}

/// What `--json` shows.
#[derive(Debug, Serialize)]
pub(crate) struct Everything<'a> {
    /// Those of the service.
    pub(crate) counters: &'a Counts,
    pub(crate) interfaces: &'a [Stats],
}

/// The values of all [`COUNTERS`]; as data an object with the name of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([u64; HOW_MANY]);

impl Stats {
    /// As text, the last line ended. Of the whole service it is what `netstat` prints, line by
    /// line; an interface has our own counters below that.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot go wrong.
        match self.write(&mut text) {
            Ok(()) | Err(fmt::Error) => text,
        }
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let heading = self.name.as_deref().unwrap_or("carp");
        writeln!(text, "{heading}:")?;
        for (counter, value) in self.counters.iter() {
            let shown = counter.whose == Whose::OpenBsd || self.name.is_some();
            if let Some(line) = counter.line.filter(|_| shown) {
                let words = if value == 1 { line.one } else { line.many };
                writeln!(text, "{}{value} {words}", line.indent)?;
            }
        }
        Ok(())
    }
}

impl Counts {
    /// Each counter and its value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static Counter, u64)> {
        COUNTERS.iter().zip(self.0)
    }
}

impl From<&carp_fsm::Peer> for Peer {
    fn from(peer: &carp_fsm::Peer) -> Self {
        Self {
            source: peer.source(),
            counters: Counts::from(peer.counters()),
        }
    }
}

impl From<&Counters> for Counts {
    fn from(counters: &Counters) -> Self {
        Self(COUNTERS.each_ref().map(|counter| (counter.value)(counters)))
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = COUNTERS.iter().map(|counter| counter.name);
        serializer.collect_map(names.zip(self.0))
    }
}

/// One side may be older than the other: what it does not count is 0, what only it counts is
/// left out.
impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let value = |name| values.get(name).copied().unwrap_or_default();
        Ok(Self(COUNTERS.each_ref().map(|counter| value(counter.name))))
    }
}

#[cfg(test)]
mod tests;
