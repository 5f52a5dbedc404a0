//! An interface as it stands: what the service tells, what `--json` shows and what
//! [`render`](crate::clients::render) makes text of.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use carp_net::Inspection;
use carp_net::carp_fsm::carp_proto::{Family, Vhid, VirtualAddress};
use carp_net::carp_fsm::{self, LinkState, Lladdr};
use serde::{Deserialize, Serialize};

use crate::vocabulary::change::{AdvDemoteWish, Peers};
use crate::vocabulary::config::Config;
use crate::vocabulary::description::Description;
use crate::vocabulary::hooks::Hooks;
use crate::vocabulary::name::PREFIX;

/// One interface. Flags and addresses are those it was given, as on OpenBSD; what the kernel
/// makes of it is in `link` and in `installed` of each address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) name: String,
    pub(crate) flags: Vec<Flag>,
    pub(crate) mtu: u32,
    /// The link-layer address of the virtual addresses, where it is known.
    pub(crate) lladdr: Option<String>,
    /// The index of the interface that carries the addresses.
    pub(crate) index: Option<u32>,
    /// A remark for people; empty where there is none.
    #[serde(default)]
    pub(crate) description: Description,
    /// The metric of its connected route.
    pub(crate) priority: u32,
    /// The priority of the frames that adverts leave in.
    pub(crate) llprio: u8,
    /// The election, once there is a vhid.
    pub(crate) carp: Option<Carp>,
    pub(crate) groups: Vec<String>,
    pub(crate) status: Status,
    /// The programs that run when its state changes.
    #[serde(default)]
    pub(crate) hooks: Hooks,
    pub(crate) addresses: Vec<Address>,
    /// The kernel's view of the interface that carries the addresses.
    pub(crate) link: Link,
    /// When and why the election of this interface last moved.
    #[serde(default)]
    pub(crate) last_transition: Option<Past>,
    /// The sum of the demotions of all its groups.
    #[serde(default)]
    pub(crate) demotion: i32,
    /// Whose they are, its own first; not all where there are very many.
    #[serde(default)]
    pub(crate) demotions: Vec<Demotion>,
    /// The last thing that another program changed, until a minute has passed.
    #[serde(default)]
    pub(crate) trouble: Option<Trouble>,
    /// What went wrong with its hooks the last time.
    #[serde(default)]
    pub(crate) hook_error: Option<Past>,
    /// What cannot be done at present.
    #[serde(default)]
    pub(crate) error: Option<Past>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// How long ago, in milliseconds.
    pub(crate) ago_ms: u64,
    pub(crate) reason: String,
}

/// What one finds wrong with this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Demotion {
    pub(crate) group: String,
    /// The interface that is unwell, where it is one of this service.
    pub(crate) interface: Option<String>,
    pub(crate) reason: String,
    pub(crate) amount: i32,
    /// Whoever said so by name, where it was not the service itself.
    #[serde(default)]
    pub(crate) owner: Option<String>,
    /// How long ago that began, in milliseconds.
    #[serde(default)]
    pub(crate) ago_ms: u64,
    /// Whether it ends with a command that runs (`carpctl demote`).
    #[serde(default)]
    pub(crate) held: bool,
}

/// Something that another program changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    /// How long ago, in milliseconds.
    pub(crate) ago_ms: u64,
    pub(crate) what: String,
    /// Whether it is as it was.
    pub(crate) mended: bool,
}

/// A flag of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Flag {
    Up,
    Broadcast,
    Running,
    Simplex,
    Multicast,
}

/// What the `carp:` line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carp {
    pub(crate) state: State,
    pub(crate) carpdev: Option<String>,
    /// What the carpdev is like, once the interface runs on it.
    #[serde(default)]
    pub(crate) carpdev_state: Option<CarpdevState>,
    pub(crate) vhid: u8,
    pub(crate) advbase: u8,
    pub(crate) advskew: u8,
    /// Whose CARP the peers speak.
    #[serde(default)]
    pub(crate) peers: Peers,
    /// Where adverts say that the node is demoted.
    #[serde(default = "auto")]
    pub(crate) advdemote: AdvDemoteWish,
    /// Whom adverts go to, instead of the multicast group of their family.
    #[serde(default)]
    pub(crate) carppeer: Vec<IpAddr>,
}

/// What a carpdev is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CarpdevState {
    Absent,
    Down,
    Up,
}

/// Where the election is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    Init,
    Backup,
    Master,
}

/// What the `status:` line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Invalid,
    Backup,
    Master,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) family: AddressFamily,
    pub(crate) address: IpAddr,
    pub(crate) prefixlen: u8,
    #[serde(default)]
    pub(crate) broadcast: Option<Ipv4Addr>,
    /// Whether the kernel has it.
    pub(crate) installed: bool,
}

/// The family of an address, in the words of `ifconfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddressFamily {
    Inet,
    Inet6,
}

/// What the kernel says of the interface that carries the addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) up: bool,
    /// It is up and has a carrier.
    pub(crate) running: bool,
}

/// Where an interface stands that is a virtual host.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) state: carp_fsm::State,
    pub(crate) carpdev: LinkState,
    /// What the platform knows of it.
    pub(crate) kernel: Inspection,
}

impl Report {
    /// The report on `name`: what it was told to be, and where it stands, `None` while it lacks a
    /// vhid or a carpdev. Nothing has happened to it yet.
    pub(crate) fn new(name: &str, config: &Config, standing: Option<&Standing>) -> Self {
        let state = standing.map_or(State::Init, |standing| standing.state.into());
        let nothing = Inspection::default();
        let kernel = standing.map_or(&nothing, |standing| &standing.kernel);
        let told_mtu = config.mtu.map(u32::from);
        Self {
            name: name.to_owned(),
            flags: flags(config.up && standing.is_some()),
            mtu: kernel.mtu.or(told_mtu).unwrap_or(ETHERNET_MTU),
            lladdr: lladdr(config, kernel),
            index: kernel.index,
            description: config.description.clone(),
            priority: kernel.route_priority,
            llprio: kernel.link_priority,
            carp: config.vhid.map(|vhid| Carp {
                state,
                carpdev: config.carpdev.clone(),
                carpdev_state: standing.map(|standing| standing.carpdev.into()),
                vhid: vhid.get(),
                advbase: config.advbase.get(),
                advskew: config.advskew.get(),
                peers: Peers(config.dialect),
                advdemote: config.advdemote.into(),
                carppeer: config.peers().collect(),
            }),
            groups: groups(config),
            hooks: config.hooks.clone(),
            status: state.into(),
            addresses: config
                .addresses
                .iter()
                .map(|address| Address::new(address, kernel))
                .collect(),
            link: Link {
                up: kernel.up,
                running: kernel.running,
            },
            last_transition: None,
            demotion: 0,
            demotions: Vec::new(),
            trouble: None,
            hook_error: None,
            error: None,
        }
    }
}

impl Address {
    fn new(address: &VirtualAddress, kernel: &Inspection) -> Self {
        Self {
            family: match address.family() {
                Family::Inet => AddressFamily::Inet,
                Family::Inet6 => AddressFamily::Inet6,
            },
            address: address.ip(),
            prefixlen: address.prefix_len(),
            broadcast: address.broadcast(),
            installed: kernel
                .installed
                .iter()
                .any(|there| there.ip() == address.ip()),
        }
    }
}

impl Flag {
    /// Its bit (`docs/carp-protocol.md §7.2`).
    pub(crate) const fn bit(self) -> u32 {
        match self {
            Self::Up => 0x1,
            Self::Broadcast => 0x2,
            Self::Running => 0x40,
            Self::Simplex => 0x800,
            Self::Multicast => 0x8000,
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "UP",
            Self::Broadcast => "BROADCAST",
            Self::Running => "RUNNING",
            Self::Simplex => "SIMPLEX",
            Self::Multicast => "MULTICAST",
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid",
            Self::Backup => "backup",
            Self::Master => "master",
        })
    }
}

impl From<carp_fsm::State> for State {
    fn from(state: carp_fsm::State) -> Self {
        match state {
            carp_fsm::State::Init => Self::Init,
            carp_fsm::State::Backup => Self::Backup,
            carp_fsm::State::Master => Self::Master,
        }
    }
}

impl From<LinkState> for CarpdevState {
    fn from(state: LinkState) -> Self {
        match state {
            LinkState::Absent => Self::Absent,
            LinkState::Down => Self::Down,
            LinkState::Up => Self::Up,
        }
    }
}

impl From<State> for Status {
    fn from(state: State) -> Self {
        match state {
            State::Init => Self::Invalid,
            State::Backup => Self::Backup,
            State::Master => Self::Master,
        }
    }
}

/// What a service that is older always did.
const fn auto() -> AdvDemoteWish {
    AdvDemoteWish::Auto
}

fn groups(config: &Config) -> Vec<String> {
    let own = config.groups.iter().map(ToString::to_string);
    std::iter::once(PREFIX.to_owned()).chain(own).collect()
}

fn flags(up: bool) -> Vec<Flag> {
    if up {
        vec![
            Flag::Up,
            Flag::Broadcast,
            Flag::Running,
            Flag::Simplex,
            Flag::Multicast,
        ]
    } else {
        vec![Flag::Broadcast, Flag::Simplex, Flag::Multicast]
    }
}

/// The kernel's word where it has one, else what it was told or what follows from the vhid.
fn lladdr(config: &Config, kernel: &Inspection) -> Option<String> {
    let told = match config.lladdr {
        Lladdr::Virtual => config.vhid.map(Vhid::virtual_mac),
        Lladdr::Manual(mac) => Some(mac),
        Lladdr::Carpdev | _ => None,
    };
    kernel
        .link_address
        .or(told)
        .map(|address| address.to_string())
}

const ETHERNET_MTU: u32 = 1500;
