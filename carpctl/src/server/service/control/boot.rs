//! The demotion of a machine that boots: until its services run it takes over from no other node.
//!
//! It is an entry like those of other owners, so that anything late in the boot can take it back
//! (`carpctl -g carp -carpdemote owner boot`); where nothing does, it ends by itself.

use std::time::Duration;

use carp_net::Backend;

use super::Control;
use crate::vocabulary::demotion::{MOST_AT_ONCE, OwnerName};
use crate::vocabulary::name::PREFIX;

impl<B: Backend> Control<B> {
    /// Demotes this machine until it has booted, or for [`LONGEST`].
    pub(crate) fn demote_at_boot(&mut self) {
        let owner = OwnerName::boot();
        let amount = i32::from(MOST_AT_ONCE);
        self.driver.demote(PREFIX, owner.as_str(), amount);
        self.boot = Some(self.driver.now() + LONGEST);
        self.take_events();
    }

    /// Ends it where nobody did in time.
    pub(super) fn end_boot_late(&mut self) {
        if self.boot.is_some_and(|until| self.driver.now() >= until) {
            tracing::info!(
                "nobody took the demotion of owner {} back in {LONGEST:?}: done now",
                OwnerName::boot()
            );
            self.boot = None;
            self.driver.demote(PREFIX, OwnerName::boot().as_str(), 0);
            self.touch_service();
        }
    }

    /// `owner` has demoted anew, or no longer demotes: whoever said that minds the end of it too.
    pub(super) fn take_note_of_boot(&mut self, owner: &OwnerName) {
        if *owner == OwnerName::boot() {
            self.boot = None;
            self.touch_service();
        }
    }
}

/// How long a machine may take to boot.
const LONGEST: Duration = Duration::from_secs(60);
