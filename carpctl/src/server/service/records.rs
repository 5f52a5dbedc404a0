//! What a service leaves to its successor: a record for each interface and one for the rest.
//!
//! They go to the supervisor and back, and nowhere else, because they hold keys. A record names
//! what it holds, so that programs of different ages understand as much of it as they can.

use std::collections::BTreeMap;
use std::io;

use carp_net::carp_fsm::Timestamp;
use carp_net::{SavedDriver, SavedInterface};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::server::service::control::demotion::HeldRecord;
use crate::vocabulary::change::Change;
use crate::vocabulary::config::{Config, ConfigError};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::report::State;
use crate::vocabulary::settings::Settings;

/// The record of an interface is named after it.
#[derive(Serialize, Deserialize)]
pub(crate) struct InterfaceRecord {
    /// The change that makes its configuration out of nothing, key and all.
    config: Change,
    /// What its virtual host went through, where it is one.
    pub(crate) host: Option<SavedInterface>,
    /// The state that hooks were told of last.
    #[serde(default)]
    pub(crate) told: Option<State>,
}

/// The record of everything else.
#[derive(Serialize, Deserialize)]
pub(crate) struct ServiceRecord {
    pub(crate) settings: Settings,
    pub(crate) driver: SavedDriver,
    /// The demotions that somebody holds.
    #[serde(default)]
    pub(crate) held: Vec<HeldRecord>,
    /// When the demotion of a machine that boots ends by itself.
    #[serde(default)]
    pub(crate) boot: Option<Timestamp>,
    /// Device and inode of the file of the control socket.
    pub(crate) socket: (u64, u64),
}

/// All that a former service has left.
pub(crate) struct Legacy {
    pub(crate) service: ServiceRecord,
    pub(crate) interfaces: BTreeMap<InterfaceName, Left>,
}

/// What it has left of one interface.
pub(crate) struct Left {
    pub(crate) config: Config,
    pub(crate) host: Option<SavedInterface>,
    pub(crate) told: Option<State>,
}

/// The name of the [`ServiceRecord`]; no interface has it.
pub(crate) const SERVICE: &str = "service";

impl InterfaceRecord {
    pub(crate) fn new(config: &Config, host: Option<SavedInterface>, told: Option<State>) -> Self {
        Self {
            config: config.as_change(),
            host,
            told,
        }
    }

    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        let (config, _) = Config::default().with(&self.config)?;
        Ok(config)
    }
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
