//! An engine as its supervisor knows it: how it does, and what it is still to be told.

use std::time::Duration;

use carp_fsm::Timestamp;

use super::channel::{Channel, Sent};
use super::frame::Frame;
use super::keeper::Start;
use super::kept::{Kept, Untold};
use super::now;
use super::patience::Progress;
use super::process::Process;

/// An engine that runs.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) process: Process,
    pub(super) channel: Channel,
    pub(super) progress: Progress,
    pub(super) why: Start,
    /// What it is still to be told of what was kept; `None` once it was told that this was all.
    pub(super) untold: Option<Untold>,
    /// Short things that are still to be said, in this order.
    pub(super) to_say: Vec<Frame<'static>>,
    /// Since when it has said that it makes progress.
    pub(super) beats_since: Option<Timestamp>,
    /// Whether it ends to be started anew.
    pub(super) again: bool,
    /// Whether it was killed for want of progress.
    pub(super) killed: bool,
    /// Nothing comes from it any more.
    pub(super) silent: bool,
}

impl Engine {
    pub(super) fn new(process: Process, channel: Channel, why: Start, patience: Duration) -> Self {
        Self {
            process,
            channel,
            progress: Progress::new(now(), patience),
            why,
            untold: None,
            to_say: Vec::new(),
            beats_since: None,
            again: false,
            killed: false,
            silent: false,
        }
    }

    pub(super) const fn has_to_say(&self) -> bool {
        self.untold.is_some() || !self.to_say.is_empty()
    }

    /// Says what there is room for.
    pub(super) fn say(&mut self, kept: &Kept, last_alive: Option<Timestamp>) {
        if let Some(untold) = &mut self.untold {
            let all = Frame::All { last_alive };
            if untold.tell(kept, &self.channel) != Sent::Yes
                || send(&self.channel, &all) != Sent::Yes
            {
                return;
            }
            self.untold = None;
        }
        while let Some(frame) = self.to_say.first() {
            if send(&self.channel, frame) != Sent::Yes {
                return;
            }
            self.to_say.remove(0);
        }
    }
}

fn send(channel: &Channel, frame: &Frame<'_>) -> Sent {
    channel.send(frame, None).unwrap_or_else(|error| {
        tracing::warn!(%error, ?frame, "not said to the engine");
        Sent::Gone
    })
}
