//! What is kept by name: records and descriptors. Both sides have such a store, the engine to be
//! able to say everything again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use super::channel::{Channel, Sent};
use super::frame::Frame;
use super::record::Record;

/// Records and descriptors by name.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) records: BTreeMap<String, Record>,
    pub(super) descriptors: BTreeMap<String, OwnedFd>,
}

/// What one of them is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Record(String),
    Descriptor(String),
}

/// What is still to be told to the other side. Only names are remembered, so that it never grows
/// beyond what there is, and what goes is always the newest.
#[derive(Debug, Default)]
pub(super) struct Untold(BTreeSet<Name>);

impl Kept {
    /// All names of what there is.
    pub(super) fn names(&self) -> Untold {
        let records = self.records.keys().cloned().map(Name::Record);
        let descriptors = self.descriptors.keys().cloned().map(Name::Descriptor);
        Untold(records.chain(descriptors).collect())
    }

    pub(super) fn has(&self, name: &Name) -> bool {
        match name {
            Name::Record(name) => self.records.contains_key(name),
            Name::Descriptor(name) => self.descriptors.contains_key(name),
        }
    }

    /// Does what `frame` says, if it is about something kept.
    pub(super) fn take_in(&mut self, frame: &Frame<'_>, descriptor: Option<OwnedFd>) {
        match *frame {
            Frame::Record { name, value } => {
                self.records.insert(name.to_owned(), Record::new(value));
            }
            Frame::NoRecord { name } => {
                self.records.remove(name);
            }
            Frame::Descriptor { name } => {
                if let Some(descriptor) = descriptor {
                    self.descriptors.insert(name.to_owned(), descriptor);
                }
            }
            Frame::NoDescriptor { name } => {
                self.descriptors.remove(name);
            }
            Frame::All { .. }
            | Frame::Beat { .. }
            | Frame::Ask
            | Frame::Granted
            | Frame::Again
            | Frame::Stop
            | Frame::SendAll => {}
        }
    }

    /// Tells the other side of `name` as it stands.
    fn tell(&self, name: &Name, channel: &Channel) -> io::Result<Sent> {
        match name {
            Name::Record(name) => match self.records.get(name) {
                Some(value) => channel.send(&Frame::Record { name, value }, None),
                None => channel.send(&Frame::NoRecord { name }, None),
            },
            Name::Descriptor(name) => match self.descriptors.get(name) {
                Some(fd) => channel.send(&Frame::Descriptor { name }, Some(fd.as_fd())),
                None => channel.send(&Frame::NoDescriptor { name }, None),
            },
        }
    }
}

impl fmt::Debug for Kept {
    /// Nothing of what the records say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("records", &self.records.len())
            .field("descriptors", &self.descriptors)
            .finish()
    }
}

impl IntoIterator for Untold {
    type Item = Name;
    type IntoIter = std::collections::btree_set::IntoIter<Name>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Untold {
    pub(super) fn add(&mut self, name: Name) {
        self.0.insert(name);
    }

    /// Tells as much of `kept` as there is room for. Says `Yes` where nothing is left to tell.
    pub(super) fn tell(&mut self, kept: &Kept, channel: &Channel) -> Sent {
        while let Some(name) = self.0.first() {
            match kept.tell(name, channel) {
                Ok(Sent::Yes) => {}
                Ok(stuck) => return stuck,
                // It will not go another time either.
                Err(error) => tracing::warn!(%error, ?name, "not kept"),
            }
            self.0.pop_first();
        }
        Sent::Yes
    }
}
