//! What is known at the moment of a scrape, before it is text.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::vocabulary::report::State;
use crate::vocabulary::settings::Settings;
use crate::vocabulary::stats::Counts;

/// The whole service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Vitals {
    pub(crate) version: String,
    /// When its process began, in milliseconds since 1970.
    pub(crate) started_ms: u64,
    /// How much memory it has, in bytes, where the kernel says so.
    pub(crate) resident: Option<u64>,
    /// Who is connected to the control socket.
    pub(crate) clients: usize,
    pub(crate) settings: Settings,
    pub(crate) counters: Counts,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) vhid: Option<u8>,
    pub(crate) carpdev: Option<String>,
    /// Whether that is there, up and has a carrier, once the interface runs on it.
    pub(crate) carpdev_up: Option<bool>,
    pub(crate) state: State,
    /// Whether it is to be up.
    pub(crate) up: bool,
    pub(crate) advbase: u8,
    pub(crate) advskew: u8,
    /// The groups it is in, and by how much each is demoted.
    pub(crate) groups: Vec<(String, i32)>,
    pub(crate) inet: Held,
    pub(crate) inet6: Held,
    /// When its state last changed, in milliseconds since 1970.
    pub(crate) last_transition_ms: Option<u64>,
    /// Whether something of it cannot be done at present.
    pub(crate) fails: bool,
    pub(crate) counters: Counts,
    /// Whose adverts it hears; not all where there are very many.
    pub(crate) peers: Vec<Heard>,
}

/// How many addresses there are of a family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) configured: usize,
    /// Of these, how many the kernel has.
    pub(crate) installed: usize,
}

/// Another node, as an interface hears it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) source: IpAddr,
    /// When its last authentic advert came, in milliseconds since 1970.
    pub(crate) last_ms: u64,
    /// What that advert said.
    pub(crate) advbase: u8,
    pub(crate) advskew: u8,
    pub(crate) demotion: u8,
    pub(crate) counters: Counts,
}

impl Facts {
    /// The sum of the demotions of its groups.
    pub(super) fn demotion(&self) -> i32 {
        let of_groups = self.groups.iter().map(|(_, demotion)| *demotion);
        of_groups.fold(0, i32::saturating_add)
    }
}
