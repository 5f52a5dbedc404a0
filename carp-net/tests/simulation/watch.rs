//! What is checked after everything that happens, from outside: what nodes say and hold.

use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::memory::{Holding, Lan, Observation, Observed};
use carp_net::simulation;

use crate::setting::Setting;

#[derive(Debug)]
pub(crate) struct Watch {
    /// How long a kernel may hold addresses that nothing is said for; `None`: no leases.
    lease: Option<Duration>,
    /// How long kernels may take for what they are asked for.
    slack: Duration,
    pub(crate) nodes: Vec<Seen>,
    /// The addresses that are looked at.
    pub(crate) follows: Vec<IpAddr>,
}

/// One node, seen from outside.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    holding: Holding,
    /// When it last took its addresses or advertised them.
    pub(crate) sign: Timestamp,
    /// Whether an advert has left since it took its addresses.
    advertised: bool,
    /// Whether it has been master in this step, as it says itself.
    pub(crate) is_master: bool,
    /// Whether its process runs.
    pub(crate) is_awake: bool,
    /// Since when it answers for addresses although it is not master.
    usurps: Option<Timestamp>,
    /// Whether somebody else has taken its addresses away.
    pub(crate) robbed: bool,
    pub(crate) announcements: u64,
    pub(crate) last_advert: Timestamp,
}

impl Watch {
    pub(crate) fn new(setting: &Setting) -> Self {
        let seen = Seen {
            holding: Holding::Nothing,
            sign: Timestamp::ZERO,
            advertised: false,
            is_master: false,
            is_awake: true,
            usurps: None,
            robbed: false,
            announcements: 0,
            last_advert: Timestamp::ZERO,
        };
        // Work under way when a process stops is done a moment later.
        let slack = setting.work.1 * 4 + Duration::from_millis(1);
        let lease = setting.longest_lease() + slack;
        Self {
            slack,
            lease: setting.leases.then_some(lease),
            nodes: vec![seen; setting.size],
            follows: setting.ips(),
        }
    }

    /// Takes in what was observed in a step; says what must not be.
    pub(crate) fn check(&mut self, lan: &Lan) -> Result<(), String> {
        for seen in lan.observed() {
            self.observe(&seen)
                .map_err(|wrong| format!("node {}: {wrong} ({seen:?})", seen.node))?;
        }
        let now = lan.now();
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let usurps = node.holding == Holding::Speaking && !node.is_master && node.is_awake;
            let since = node.usurps.get_or_insert(now);
            if !usurps {
                node.usurps = None;
            } else if now - *since > self.slack {
                return Err(format!("I1: node {number} answers, and is not master"));
            }
        }
        for ip in &self.follows {
            let holding = lan.holders(*ip);
            // I6, and more: nobody holds an address for longer than a lease without saying so.
            for node in &holding {
                let silent_for = now - self.nodes[*node].sign;
                if self.lease.is_some_and(|lease| silent_for > lease) {
                    return Err(format!(
                        "I6: {node} holds {ip} after {silent_for:?} of silence"
                    ));
                }
            }
        }
        Ok(())
    }

    fn observe(&mut self, seen: &Observation) -> Result<(), &'static str> {
        let node = &mut self.nodes[seen.node];
        match seen.what {
            Observed::Change => {
                if seen.holding != Holding::Speaking {
                    // A successor of a master whose addresses somebody took is master still.
                    node.advertised &= node.robbed;
                } else if node.holding != Holding::Speaking {
                    node.sign = seen.at;
                    node.robbed = false;
                }
                node.holding = seen.holding;
            }
            Observed::Advert(advert) if advert.is_bow_out() => match seen.holding {
                Holding::Nothing if !node.robbed => {
                    return Err("I1: a bow-out of a node that holds nothing");
                }
                Holding::Nothing | Holding::Speaking | Holding::Silent => {}
            },
            Observed::Advert(_) => {
                if seen.holding != Holding::Speaking && !node.robbed {
                    return Err("I2: an advert of addresses that are not in place");
                }
                if !node.is_master {
                    return Err("I1: an advert of a node that is not master");
                }
                node.advertised = true;
                node.sign = seen.at;
                node.last_advert = seen.at;
            }
            Observed::Announcement(_) => {
                if seen.holding != Holding::Speaking && !node.robbed {
                    return Err("I1: an announcement of a node that does not answer");
                }
                if !node.is_master {
                    return Err("I1: an announcement of a node that is not master");
                }
                if !node.advertised {
                    return Err("I2: an announcement before the first advert");
                }
                node.announcements += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// From now on only these addresses are looked at.
    pub(crate) fn keep_only(&mut self, ips: &[IpAddr]) {
        self.follows.retain(|ip| ips.contains(ip));
    }

    /// The longest time since `begin` that an address was held by as many nodes as `counts`.
    fn longest(
        &self,
        cluster: &simulation::Cluster,
        begin: Timestamp,
        counts: impl Fn(usize) -> bool,
    ) -> Duration {
        let (tenures, now) = (cluster.tenures(), cluster.now());
        let spans = self.follows.iter();
        let spans = spans.flat_map(|ip| tenures.spans(*ip, begin, now, &counts));
        let lengths = spans.map(|(from, until)| until - from);
        lengths.max().unwrap_or_default()
    }

    /// The longest time since `begin` that an address was nowhere.
    pub(crate) fn gap(&self, cluster: &simulation::Cluster, begin: Timestamp) -> Duration {
        self.longest(cluster, begin, |count| count == 0)
    }

    /// The longest time since `begin` that an address was on several nodes.
    pub(crate) fn overlap(&self, cluster: &simulation::Cluster, begin: Timestamp) -> Duration {
        self.longest(cluster, begin, |count| count > 1)
    }
}
