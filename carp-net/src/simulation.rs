//! Clusters in virtual time: machines with services on a [`Lan`](crate::memory::Lan), what befalls
//! them, and who held which address when.
//!
//! A [`Scenario`] says what there is and what happens. A [`Cluster`] lets it happen, with the real
//! engines: processes are killed, and others begin with what they have left; machines freeze and
//! lose their power; packets are lost; operators say something. The same scenario with the same seed
//! is the same run, to the microsecond. This is the cluster of the README, whose master loses
//! its power:
//!
//! ```
//! use std::time::Duration;
//! use carp_net::carp_fsm::carp_proto::{Key, Vhid};
//! use carp_net::carp_fsm::{Node, VirtualHost};
//! use carp_net::simulation::{Cluster, Incident, Machine, Scenario};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut scenario = Scenario::new();
//! for (name, skew) in [("one", 0), ("two", 100)] {
//!     let host = VirtualHost::new(Vhid::new(99)?, Key::from_password("SharedSecret"))
//!         .advskew(skew)?
//!         .address("192.0.2.10/24".parse()?);
//!     scenario.add(Machine::new(name, Node::builder()).interface("carp0", "vmx0", host));
//! }
//! scenario.at(Duration::from_secs(20), Incident::PowerOff(0));
//!
//! let mut cluster = Cluster::new(&scenario, 42)?;
//! let crash = cluster.run(Duration::from_secs(20), |told| println!("{told}"));
//! cluster.run(Duration::from_secs(20), |_| {});
//! assert_eq!(cluster.lan().holders("192.0.2.10".parse()?), [1]);
//! // Nobody has held it for the master-down time of the second at most.
//! let now = cluster.now();
//! let unheld = cluster.tenures().longest(crash, now, |holders| holders == 0);
//! assert!(unheld < Duration::from_millis(3_400));
//! # Ok(())
//! # }
//! ```

mod cluster;
pub use cluster::Cluster;
mod incident;
pub use incident::{Incident, Outcome};
mod member;
mod scenario;
pub use scenario::{Machine, Network, Scenario};
mod tenure;
pub use tenure::{Tenure, Tenures};
mod told;
pub use told::{Told, What};
