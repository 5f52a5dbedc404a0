//! A flood: more frames than anybody wants, all the time.

use std::thread;
use std::time::Duration;

use crate::Result;
use crate::error::About as _;
use crate::linux::capture::Capture;

use super::clock;
use super::worker::{Stop, Worker};

/// A thread that sends frames, in turn, until it is stopped.
#[derive(Debug)]
pub struct Flood(Worker<Result<u64>>);

impl Flood {
    /// Sends `frames` through `capture`, `rate` of them a second.
    pub(super) fn start(capture: Capture, frames: Vec<Vec<u8>>, rate: u32) -> Result<Self> {
        let send = move |stop: Stop| send(&capture, &frames, rate, &stop);
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

fn send(capture: &Capture, frames: &[Vec<u8>], rate: u32, stop: &Stop) -> Result<u64> {
    let mut turn = frames.iter().cycle();
    let mut last = clock::now();
    let (mut sent, mut owed) = (0, 0.0);
    while !stop.is_raised() {
        thread::sleep(PAUSE);
        let now = clock::now();
        owed += (now - last).as_secs_f64() * f64::from(rate);
        last = now;
        // What a machine that is too slow does not manage is not made up for.
        owed = owed.min(f64::from(rate) * MOST_OWED);
        while owed >= 1.0
            && let Some(frame) = turn.next()
        {
            capture.send(frame).about("flood")?;
            sent += 1;
            owed -= 1.0;
        }
    }
    Ok(sent)
}

const PAUSE: Duration = Duration::from_millis(1);
/// In seconds.
const MOST_OWED: f64 = 0.02;
