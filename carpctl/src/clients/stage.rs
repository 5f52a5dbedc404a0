//! Where commands are rehearsed: in the service, which knows best, or, where none runs, in a control
//! like that of the service, on the machine as it can be seen without touching it.

use carp_net::Driver;
use carp_net::linux::Onlooker;

use crate::clients::client::{self, ClientError};
use crate::paths::Paths;
use crate::server::service::{Control, Ticket};
use crate::vocabulary::change::Change;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::Request;
use crate::vocabulary::rehearsal::Rehearsal;
use crate::vocabulary::settings::Settings;

/// Where commands are rehearsed.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    paths: &'a Paths,
    /// What a service would begin with, once it is known that none runs.
    alone: Option<Box<Control<Onlooker>>>,
}

impl<'a> Stage<'a> {
    /// That of the service of `paths`, or without it.
    pub(crate) const fn new(paths: &'a Paths) -> Self {
        Self { paths, alone: None }
    }

    /// What `change` of `name` would do.
    pub(crate) fn rehearse(
        &mut self,
        name: InterfaceName,
        change: &Change,
    ) -> Result<Rehearsal, String> {
        if let Some(alone) = &mut self.alone {
            return alone.rehearse(name, change);
        }
        let request = Request::Rehearse {
            interface: name,
            change: change.clone(),
        };
        let answer = client::ask_of(self.paths, &request).map_err(|error| error.to_string())?;
        let Some(rehearsals) = answer else {
            return self.alone.insert(alone()?).rehearse(name, change);
        };
        let first = rehearsals.into_iter().next();
        first.ok_or_else(|| ClientError::Ended.to_string())
    }

    /// What is rehearsed from now on comes behind `change` of `name`, where no service runs. One that
    /// does knows what there is, and is asked about each change alone.
    pub(crate) fn suppose(&mut self, name: InterfaceName, change: &Change) {
        if let Some(alone) = &mut self.alone {
            alone.change(NOBODY, name, change.clone());
        }
    }
}

/// What a service would begin with.
fn alone() -> Result<Box<Control<Onlooker>>, String> {
    let onlooker = Onlooker::open();
    let driver = onlooker.and_then(|it| Driver::new(it, Settings::default().of_node()));
    let driver = driver.map_err(|error| {
        format!("no service runs, and what there is cannot be looked at without it: {error}")
    })?;
    Ok(Box::new(Control::new(driver, true)))
}

/// Who waits for the answer to what is only supposed.
const NOBODY: Ticket = Ticket(0);
