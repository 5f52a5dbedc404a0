//! What a service leaves to its successor: a record for each interface and one for the rest.
//!
//! They go to the supervisor and back, and nowhere else, because they hold keys. A record names
//! what it holds, so that programs of different ages understand as much of it as they can.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;

use carp_net::carp_fsm::Lladdr;
use carp_net::carp_fsm::carp_proto::VirtualAddress;
use carp_net::{SavedDriver, SavedInterface};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::change::{AddressChange, CarriedKey, Change, GroupChange, LladdrWish, Manner, Peers};
use crate::config::{Config, ConfigError};
use crate::name::InterfaceName;
use crate::service::control::demotion::HeldRecord;
use crate::settings::Settings;

/// The record of an interface is named after it.
#[derive(Serialize, Deserialize)]
pub(crate) struct InterfaceRecord {
    /// The change that makes its configuration out of nothing, key and all.
    config: Change,
    /// What its virtual host went through, where it is one.
    pub(crate) host: Option<SavedInterface>,
}

/// The record of everything else.
#[derive(Serialize, Deserialize)]
pub(crate) struct ServiceRecord {
    pub(crate) settings: Settings,
    pub(crate) driver: SavedDriver,
    /// The demotions that somebody holds.
    #[serde(default)]
    pub(crate) held: Vec<HeldRecord>,
    /// Device and inode of the file of the control socket.
    pub(crate) socket: (u64, u64),
}

/// All that a former service has left.
pub(crate) struct Legacy {
    pub(crate) service: ServiceRecord,
    pub(crate) interfaces: BTreeMap<InterfaceName, (Config, Option<SavedInterface>)>,
}

/// The name of the [`ServiceRecord`]; no interface has it.
pub(crate) const SERVICE: &str = "service";

impl InterfaceRecord {
    pub(crate) fn new(config: &Config, host: Option<SavedInterface>) -> Self {
        Self {
            config: as_change(config),
            host,
        }
    }

    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        let (config, _) = Config::default().with(&self.config)?;
        Ok(config)
    }
}

/// The change that makes `config` out of nothing.
fn as_change(config: &Config) -> Change {
    let Config {
        carpdev,
        vhid,
        key,
        advbase,
        advskew,
        lladdr,
        dialect,
        advdemote,
        inet_peers,
        inet6_peers,
        groups,
        up,
        addresses,
    } = config;
    let addresses = addresses.iter().map(|address| AddressChange {
        ip: address.ip(),
        prefixlen: Some(address.prefix_len()),
        broadcast: own_broadcast(address),
        manner: Manner::Add,
    });
    let groups = groups.iter().map(|name| GroupChange {
        name: name.clone(),
        member: true,
    });
    Change {
        create: false,
        destroy: false,
        anew: true,
        carpdev: carpdev.clone(),
        vhid: vhid.map(|vhid| vhid.get()),
        advbase: Some(advbase.get()),
        advskew: Some(advskew.get()),
        key: Some(CarriedKey(key.clone())),
        lladdr: Some(match lladdr {
            Lladdr::Carpdev => LladdrWish::Carpdev,
            Lladdr::Manual(mac) => LladdrWish::Manual(*mac),
            Lladdr::Virtual | _ => LladdrWish::Vhid,
        }),
        up: Some(*up),
        state: None,
        peers: Some(Peers(*dialect)),
        advdemote: Some((*advdemote).into()),
        inet_peers: Some(inet_peers.clone()),
        inet6_peers: Some(inet6_peers.clone()),
        groups: groups.collect(),
        addresses: addresses.collect(),
    }
}

/// The broadcast address, where it is not the one that follows from the network.
fn own_broadcast(address: &VirtualAddress) -> Option<Ipv4Addr> {
    let plain = VirtualAddress::new(address.ip(), address.prefix_len()).ok();
    let is_own = plain.is_none_or(|plain| plain != *address);
    address.broadcast().filter(|_| is_own)
}

/// Writes a record. It is wiped when dropped, and no part of it is left behind by growing.
pub(crate) fn encode(record: &impl Serialize) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, record)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *bytes, record)?;
    Ok(bytes)
}

/// Reads a record. The error says nothing of what is in it.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(bytes).map_err(|error| Unreadable {
        line: error.line(),
        column: error.column(),
    })
}

/// Why a record is of no use.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("what the former service left cannot be read (line {line}, column {column})")]
pub(crate) struct Unreadable {
    line: usize,
    column: usize,
}

/// Counts what is written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
