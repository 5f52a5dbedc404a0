//! Care: what somebody else has done to the interface of a virtual host is told, and mended.

use carp_fsm::{HostId, TakenDown};

use super::{Host, Kernel};
use crate::linux::place::Condition;
use crate::linux::worker::Answer;
use crate::{Report, Result};

impl<T: FnMut(Answer)> Kernel<T> {
    /// Looks at the interface of a virtual host, tells what was done to it, and mends that.
    ///
    /// The loop has seen something in the news. They come piece by piece while the kernel is still
    /// at work, as when a carpdev goes and takes its macvlans along; this looks again once the
    /// kernel is done. That the interface is down it does not tell where that is known.
    pub(super) fn care(&mut self, id: HostId, down: bool) {
        let Some(mut host) = self.hosts.remove(&id) else {
            return;
        };
        let looked = self.look_after(id, &mut host, down);
        self.hosts.insert(id, host);
        if let Err(error) = looked {
            tracing::warn!(%error, "not looked after");
        }
        self.tell_place(id);
    }

    fn look_after(&mut self, id: HostId, host: &mut Host, down: bool) -> Result<()> {
        let Some(place) = &mut host.place else {
            return Ok(());
        };
        // What is known already is not told with each attempt.
        let was_damaged = host.damaged;
        let tell = &mut self.tell;
        let condition = place.mend(&mut self.access, host.setup.up, |damage| {
            if !was_damaged {
                tell(Answer::Report(Report::Damaged { id, damage }));
            }
        })?;
        let report = match condition {
            Condition::WithoutCarpdev => None,
            Condition::SetDown if down => None,
            Condition::Sound if !was_damaged => None,
            Condition::Sound | Condition::Mended => {
                host.damaged = false;
                Some(Report::Mended(id))
            }
            Condition::Damaged(error) => {
                host.damaged = true;
                (!was_damaged).then_some(Report::NotMended(id, error))
            }
            Condition::SetDown => {
                let how = TakenDown::SetDown;
                Some(Report::TakenDown { id, how })
            }
            Condition::Deleted => {
                host.place = None;
                host.deleted = true;
                let how = TakenDown::Deleted;
                Some(Report::TakenDown { id, how })
            }
        };
        if let Some(report) = report {
            self.report(report);
        }
        Ok(())
    }
}
