//! A flood: more frames than anybody wants, all the time.

use std::thread;
use std::time::Duration;

use crate::Result;
use crate::error::About as _;
use crate::linux::outlet::Outlet;

use super::clock;
use super::worker::{Stop, Worker};

/// A thread that sends frames, in turn, until it is stopped.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Flood(Worker<Result<u64>>);

impl Flood {
    /// Sends `frames` through `outlet`, `rate` of them a second.
    pub(super) fn start(outlet: Outlet, frames: Vec<Vec<u8>>, rate: u32) -> Result<Self> {
        let send = move |stop: Stop| send(&outlet, &frames, rate, &stop);
        Ok(Self(Worker::start("flood", send)?))
    }

    /// Ends it; returns how many frames were sent.
    ///
    /// # Errors
    ///
    /// Where the interface did not take one.
    pub fn stop(self) -> Result<u64> {
        self.0.stop()?
    }
}

fn send(outlet: &Outlet, frames: &[Vec<u8>], rate: u32, stop: &Stop) -> Result<u64> {
    let mut turn = frames;
    let mut last = clock::now();
    let (mut sent, mut owed) = (0, 0.0_f64);
    while !stop.is_raised() {
        thread::sleep(PAUSE);
        let now = clock::now();
        owed += (now - last).as_secs_f64() * f64::from(rate);
        last = now;
        // What a machine that is too slow does not manage is not made up for.
        owed = owed.min(f64::from(rate) * MOST_OWED);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between none and what is owed in 20 ms"
        )]
        let mut due = owed as usize;
        while due > 0 && !frames.is_empty() {
            if turn.is_empty() {
                turn = frames;
            }
            let now = turn.get(..due.min(Outlet::TOGETHER)).unwrap_or(turn);
            let taken = outlet.send(now).about("flood")?;
            if taken == 0 {
                // No room: what comes next may find some.
                break;
            }
            turn = turn.get(taken..).unwrap_or_default();
            due = due.saturating_sub(taken);
            sent += taken as u64;
            owed -= taken as f64;
        }
    }
    Ok(sent)
}

const PAUSE: Duration = Duration::from_millis(1);
/// In seconds.
const MOST_OWED: f64 = 0.02;
