//! Private networks in namespaces, for demonstrations, tests and measurements.
//!
//! A [`Lab`] is a switch and the [`Host`]s plugged into it, each with a network of its own, all
//! within this process: no other program is needed, nothing of the machine's own network is
//! touched, and everything vanishes with the values that stand for it, or with the process. It
//! takes the rights of root, or of root in a user namespace (see [`isolate`]).
//!
//! ```no_run
//! use std::time::Duration;
//! use carp_net::lab::Lab;
//!
//! let lab = Lab::new()?;
//! let (one, client) = (lab.host("one")?, lab.host("client")?);
//! one.add_address("192.0.2.1/24")?;
//! client.add_address("192.0.2.50/24")?;
//!
//! let echo = client.echo("192.0.2.1".parse()?, 1_000)?;
//! echo.wait_for_answers(500, Duration::from_secs(5));
//! lab.cut("one")?;
//! println!("{}", echo.stop()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs;
use std::sync::atomic::{AtomicU8, Ordering};

use carp_fsm::carp_proto::MacAddress;

use crate::Result;
use crate::error::About as _;
use crate::linux::netlink::Monitor;

mod asker;
pub use asker::{Answer, Asker, AskerReport};
mod clock;
pub use clock::now;
mod echo;
pub use echo::{Echo, EchoReport, Gap};
mod flood;
pub use flood::Flood;
mod host;
pub use host::Host;
mod icmp;
mod links;
use links::{Links, Port};
mod pcap;
mod settled;
mod snapshot;
pub use snapshot::Snapshot;
mod solicit;
mod sweep;
pub use sweep::Sweep;
mod tap;
pub use tap::{Direction, Frame, Recording, Tap};
mod watch;
pub use watch::{Change, Watch};
mod witness;
pub use witness::{Stall, Witness};
mod worker;

pub use crate::linux::namespace::{IsolationError, Namespace, Obstacle, Process, isolate, settle};

/// A switch that learns, and floods what it has not learned and what goes to groups.
#[derive(Debug)]
pub struct Lab {
    switch: Namespace,
    links: Links,
    bridge: u32,
    hosts: AtomicU8,
}

impl Lab {
    /// Makes a switch without hosts.
    ///
    /// # Errors
    ///
    /// Where the caller may not make namespaces, or the kernel has no bridges.
    pub fn new() -> Result<Self> {
        let switch = Namespace::new()?;
        let links = Links::open(&switch)?;
        switch.enter(be_nothing_but_a_switch)??;
        links.add_bridge(BRIDGE)?;
        let bridge = links.index(BRIDGE)?;
        Ok(Self {
            switch,
            links,
            bridge,
            hosts: AtomicU8::new(0),
        })
    }

    /// Plugs in a host whose interface is called `vmx0`.
    ///
    /// # Errors
    ///
    /// As [`host_with`](Self::host_with).
    pub fn host(&self, name: &str) -> Result<Host> {
        self.host_with(name, "vmx0")
    }

    /// Plugs in a host: its port at the switch is called `name`, its own end of the cable
    /// `interface`. It is up, its addresses can be used as soon as they are there, and its
    /// settings are the kernel's defaults.
    ///
    /// # Errors
    ///
    /// Where one of the names is none for an interface, or the first is taken.
    pub fn host_with(&self, name: &str, interface: &str) -> Result<Host> {
        let namespace = Namespace::new()?;
        let number = self.hosts.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mac = MacAddress([2, 0, 0, 0, 0, number]);
        namespace.enter(forget_the_settings_of_the_machine)??;
        let links = Links::open(&namespace)?;
        links.set_up("lo", true)?;
        let (name, interface) = (name.to_owned(), interface.to_owned());
        let host = Host::new(name, interface, mac, namespace, links);
        self.add_interface(&host)?;
        Ok(host)
    }

    /// Takes the network interface out of a host, and with it all that was on it; the cable goes
    /// too.
    ///
    /// # Errors
    ///
    /// Where the host has none.
    pub fn remove_interface(&self, host: &Host) -> Result<()> {
        self.links.delete(host.name())
    }

    /// Puts the network interface back into a host, with the same name and link-layer address,
    /// without addresses; its settings are the kernel's defaults again.
    ///
    /// # Errors
    ///
    /// Where the host has one.
    pub fn add_interface(&self, host: &Host) -> Result<()> {
        self.plug_in(host, host.interface())
    }

    /// Gives a host one more network interface, which is plugged into this switch: it need not be
    /// the one that the host was made for. Its port bears the host's name.
    ///
    /// # Errors
    ///
    /// Where the host has such an interface, or is plugged in here.
    pub fn plug_in(&self, host: &Host, interface: &str) -> Result<()> {
        let name = host.name();
        let [.., number] = host.mac().octets();
        let near = Port {
            name,
            mac: MacAddress([2, 0, 0, 0, 1, number]),
        };
        let far = Port {
            name: interface,
            mac: host.mac(),
        };
        self.links
            .add_cable(&near, self.bridge, &far, host.namespace())?;
        host.enter(|| skip_duplicate_address_detection(interface))??;
        let mut news = host.enter(Monitor::open)?.about(name)?;
        host.set_up(interface, true)?;
        self.mend(name)?;
        host.wait_until_sending(interface, &mut news)?;
        settled::wait(host, interface)
    }

    /// Pulls the cable of a host out of the switch: its interface loses its carrier.
    ///
    /// # Errors
    ///
    /// Where there is no such host.
    pub fn cut(&self, host: &str) -> Result<()> {
        self.links.set_up(host, false)
    }

    /// Puts the cable of a host back and waits until the switch passes its frames.
    ///
    /// # Errors
    ///
    /// Where there is no such host, or its own end of the cable is down.
    pub fn mend(&self, host: &str) -> Result<()> {
        let mut news = self.switch.enter(Monitor::open)?.about(host)?;
        self.links.set_up(host, true)?;
        self.links.wait_until_forwarding(host, &mut news)
    }

    /// Takes a host out of the switch but leaves its link up, so that it does not notice; or
    /// puts it back, no longer [parted](Self::part) from others.
    ///
    /// # Errors
    ///
    /// Where there is no such host.
    pub fn block(&self, host: &str, blocked: bool) -> Result<()> {
        if blocked {
            return self.links.plug(host, 0);
        }
        let mut news = self.switch.enter(Monitor::open)?.about(host)?;
        self.links.plug(host, self.bridge)?;
        self.links.wait_until_forwarding(host, &mut news)
    }

    /// Parts a host from all others that are parted, or joins it again; those that are not are
    /// in touch with everybody.
    ///
    /// # Errors
    ///
    /// Where there is no such host.
    pub fn part(&self, host: &str, parted: bool) -> Result<()> {
        self.links.set_port_isolated(host, parted)
    }

    /// The host behind whose port the switch has seen `mac` last; `None` where it has not, or
    /// has forgotten.
    ///
    /// # Errors
    ///
    /// Where the kernel does not tell.
    pub fn port_of(&self, mac: MacAddress) -> Result<Option<String>> {
        self.links.port_of(mac)
    }

    /// Records the frames at all ports of the switch; a frame that passes it is seen coming in
    /// at one port and going out at each that it is sent to.
    ///
    /// # Errors
    ///
    /// See [`Tap::start`].
    pub fn tap(&self) -> Result<Tap> {
        Tap::start(&self.switch, None)
    }

    /// Records the frames at the port of one host.
    ///
    /// # Errors
    ///
    /// See [`Tap::start`].
    pub fn tap_port(&self, host: &str) -> Result<Tap> {
        Tap::start(&self.switch, Some(host))
    }

    /// Records the advertisements at all ports of the switch, and nothing else: IP packets of
    /// protocol 112, which VRRP uses too.
    ///
    /// # Errors
    ///
    /// See [`Tap::start`].
    pub fn tap_advertisements(&self) -> Result<Tap> {
        Tap::of_advertisements(&self.switch)
    }

    /// Records what hosts say of the addresses they share: the advertisements that come in at the
    /// port of one host, or at all ports of the switch, and ARP. What goes out is left out.
    ///
    /// # Errors
    ///
    /// See [`Tap::start`].
    pub fn tap_claims(&self, host: Option<&str>) -> Result<Tap> {
        Tap::of_claims(&self.switch, host)
    }

    /// The namespace of the switch.
    pub const fn switch(&self) -> &Namespace {
        &self.switch
    }
}

/// The switch itself has nothing to say, and nothing to say about what passes it: where the
/// kernel can filter what is bridged, it throws damaged packets away. A kernel that cannot, or
/// that has no IPv6, has no such setting.
fn be_nothing_but_a_switch() -> Result<()> {
    for (setting, value) in [
        ("ipv6/conf/all/disable_ipv6", "1"),
        ("ipv6/conf/default/disable_ipv6", "1"),
        ("bridge/bridge-nf-call-iptables", "0"),
        ("bridge/bridge-nf-call-ip6tables", "0"),
        ("bridge/bridge-nf-call-arptables", "0"),
    ] {
        let file = format!("/proc/sys/net/{setting}");
        if fs::exists(&file).unwrap_or(false) {
            fs::write(&file, value).about(&file)?;
        }
    }
    Ok(())
}

/// A new namespace takes these IPv4 settings from the machine; a lab is the same everywhere.
fn forget_the_settings_of_the_machine() -> Result<()> {
    for setting in [
        "forwarding",
        "rp_filter",
        "arp_ignore",
        "arp_announce",
        "accept_local",
    ] {
        for scope in ["all", "default"] {
            let file = format!("/proc/sys/net/ipv4/conf/{scope}/{setting}");
            fs::write(&file, "0").about(&file)?;
        }
    }
    Ok(())
}

/// For this interface alone: those that others make on the host keep what the kernel does.
fn skip_duplicate_address_detection(interface: &str) -> Result<()> {
    let file = format!("/proc/sys/net/ipv6/conf/{interface}/accept_dad");
    if fs::exists(&file).unwrap_or(false) {
        fs::write(&file, "0").about(&file)?;
    }
    Ok(())
}

/// The name of the switch in its namespace.
const BRIDGE: &str = "switch";
