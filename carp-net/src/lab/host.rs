//! A machine of the lab: a namespace with one cable to the switch.

use std::ffi::OsStr;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Duration;

use carp_fsm::carp_proto::{MacAddress, VirtualAddress};

use socket2::SockFilter;

use crate::error::About as _;
use crate::linux::capture::Capture;
use crate::linux::namespace::Namespace;
use crate::linux::netlink::Monitor;
use crate::linux::outlet::Outlet;
use crate::{Error, Result};

use super::links::Links;
use super::{Asker, Echo, Flood, Snapshot, Sweep, Tap, Watch, settled};

/// A machine of the lab. When it is dropped, its processes are killed and its cable goes.
#[derive(Debug)]
#[must_use = "it goes when it is dropped"]
pub struct Host {
    name: String,
    interface: String,
    mac: MacAddress,
    namespace: Namespace,
    links: Links,
}

impl Host {
    pub(super) const fn new(
        name: String,
        interface: String,
        mac: MacAddress,
        namespace: Namespace,
        links: Links,
    ) -> Self {
        Self {
            name,
            interface,
            mac,
            namespace,
            links,
        }
    }

    /// Its name, which is also that of its port at the switch.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its network interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The link-layer address of that.
    pub const fn mac(&self) -> MacAddress {
        self.mac
    }

    /// The namespace it is.
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Runs `work` in it; see [`Namespace::enter`].
    ///
    /// # Errors
    ///
    /// Where the namespace cannot be entered.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R> {
        self.namespace.enter(work)
    }

    /// A command that runs `program` on it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.namespace.command(program)
    }

    /// Ends every process on it at once, as a power failure would.
    ///
    /// # Errors
    ///
    /// See [`Namespace::kill_processes`].
    pub fn kill_processes(&self) -> Result<()> {
        self.namespace.kill_processes()
    }

    /// Gives it an address, such as `192.0.2.1/24`, that can be used at once.
    ///
    /// # Errors
    ///
    /// Where this is no address or the kernel refuses it.
    pub fn add_address(&self, address: &str) -> Result<()> {
        self.add_address_to(&self.interface, address)
    }

    /// The same, on one of its interfaces.
    ///
    /// # Errors
    ///
    /// As [`add_address`](Self::add_address), and where there is no such interface.
    pub fn add_address_to(&self, interface: &str, address: &str) -> Result<()> {
        self.links.add_address(interface, parse(address)?)?;
        settled::wait(self, interface)
    }

    /// Takes an address away.
    ///
    /// # Errors
    ///
    /// Where this is no address or it has no such address.
    pub fn remove_address(&self, address: &str) -> Result<()> {
        self.links.remove_address(&self.interface, parse(address)?)
    }

    /// Sends what goes to `network`, such as `0.0.0.0/0`, through `gateway`.
    ///
    /// # Errors
    ///
    /// Where this is no network or the gateway cannot be reached.
    pub fn add_route(&self, network: &str, gateway: IpAddr) -> Result<()> {
        self.links.add_route(parse(network)?, gateway)
    }

    /// Waits until one of its network interfaces does not drop what it sends.
    pub(super) fn wait_until_sending(&self, interface: &str, news: &mut Monitor) -> Result<()> {
        self.links.wait_until_sending(interface, news)
    }

    /// Takes an interface of it up or down, as its operator would.
    ///
    /// # Errors
    ///
    /// Where there is no such interface.
    pub fn set_up(&self, interface: &str, up: bool) -> Result<()> {
        self.links.set_up(interface, up)
    }

    /// The value of a setting, such as `net/ipv4/conf/all/rp_filter` (slashes, because names of
    /// interfaces may have dots).
    ///
    /// # Errors
    ///
    /// Where there is no such setting.
    pub fn sysctl(&self, setting: &str) -> Result<String> {
        let path = format!("/proc/sys/{setting}");
        let value = self.enter(|| fs::read_to_string(&path))?.about(setting)?;
        Ok(value.trim().to_owned())
    }

    /// Changes a setting.
    ///
    /// # Errors
    ///
    /// Where there is no such setting or the kernel refuses the value.
    pub fn set_sysctl(&self, setting: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{setting}");
        self.enter(|| fs::write(&path, value))?.about(setting)
    }

    /// Makes a router of it, or no router, in both families.
    ///
    /// # Errors
    ///
    /// Where the kernel lacks the settings.
    pub fn set_forwarding(&self, on: bool) -> Result<()> {
        let value = if on { "1" } else { "0" };
        self.set_sysctl("net/ipv4/conf/all/forwarding", value)?;
        self.set_sysctl("net/ipv6/conf/all/forwarding", value)
    }

    /// What its network looks like.
    ///
    /// # Errors
    ///
    /// Where the kernel does not tell.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::take(&self.namespace, &self.links)
    }

    /// Sends `rate` echo requests a second to `target`.
    ///
    /// # Errors
    ///
    /// See [`Echo::start`].
    pub fn echo(&self, target: IpAddr, rate: u32) -> Result<Echo> {
        Echo::start(&self.namespace, &self.interface, target, rate)
    }

    /// Sends echo requests to each of `targets`.
    ///
    /// # Errors
    ///
    /// See [`Sweep::start`].
    pub fn sweep(&self, targets: &[Ipv4Addr]) -> Result<Sweep> {
        Sweep::start(&self.namespace, targets)
    }

    /// Asks for the link-layer address of `target`, once each `interval`.
    ///
    /// # Errors
    ///
    /// See [`Asker::start`].
    pub fn ask(&self, target: IpAddr, interval: Duration) -> Result<Asker> {
        Asker::start(&self.namespace, &self.interface, self.mac, target, interval)
    }

    /// Watches which of these addresses it holds.
    ///
    /// # Errors
    ///
    /// See [`Watch::start`].
    pub fn watch(&self, addresses: &[IpAddr]) -> Result<Watch> {
        Watch::start(&self.namespace, addresses)
    }

    /// Sends a whole Ethernet frame, whatever it says, out of one of its interfaces.
    ///
    /// # Errors
    ///
    /// Where there is no such interface, or it is down.
    pub fn send_frame(&self, interface: &str, frame: &[u8]) -> Result<()> {
        let index = self.links.index(interface)?;
        let send = || Capture::open(index, &NOTHING)?.send(frame);
        self.enter(send)?.about(interface)
    }

    /// Sends these frames out of its network interface, in turn, `rate` a second.
    ///
    /// # Errors
    ///
    /// Where it has none.
    pub fn flood(&self, frames: Vec<Vec<u8>>, rate: u32) -> Result<Flood> {
        let index = self.links.index(&self.interface)?;
        let outlet = self.enter(|| Outlet::open(index))?;
        Flood::start(outlet.about(&self.interface)?, frames, rate)
    }

    /// Records the frames on one of its interfaces.
    ///
    /// # Errors
    ///
    /// See [`Tap::start`].
    pub fn tap(&self, interface: &str) -> Result<Tap> {
        Tap::start(&self.namespace, Some(interface))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The cable would go with the last descriptor of the namespace, but some time later.
        for undone in [self.kill_processes(), self.links.delete(&self.interface)] {
            if let Err(error) = undone {
                tracing::debug!(host = self.name, %error, "not taken down");
            }
        }
    }
}

fn parse(address: &str) -> Result<VirtualAddress> {
    address
        .parse()
        .map_err(|error| Error::new(address, std::io::Error::other(error)))
}

/// A packet filter that lets nothing pass: `BPF_RET | BPF_K`, no byte.
const NOTHING: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];
