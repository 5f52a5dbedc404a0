//! What else the machine did meanwhile: figures of a machine that was busy are none.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use carp_net::lab::{self, EchoReport, Host};

use crate::Result;

/// The longest times for which the measurement itself was held up in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disturbance {
    /// A bystander waited this long for the kernel's rtnl lock, which all namespaces share: every
    /// take-over needs it.
    pub rtnl: Duration,
    /// The client's timer was this late.
    pub timer: Duration,
}

impl Disturbance {
    /// Does `work`, and has a bystander ask for the lock all the while.
    ///
    /// # Errors
    ///
    /// Where that cannot ask.
    pub fn during<R>(bystander: &Host, work: impl FnOnce() -> R) -> Result<(R, Self)> {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let longest = scope.spawn(|| longest_wait(bystander, &done));
            let outcome = work();
            done.store(true, Ordering::Relaxed);
            let longest = longest
                .join()
                .map_err(|_| "a thread of the bench panicked")?;
            let disturbance = Self {
                rtnl: longest?,
                timer: Duration::ZERO,
            };
            Ok((outcome, disturbance))
        })
    }

    /// Takes in how steadily the echoes of a stream were sent.
    pub fn take(&mut self, report: &EchoReport) {
        self.timer = self.timer.max(report.longest_pause());
    }

    /// Whether the run says little.
    pub fn is_grave(self) -> bool {
        self.rtnl.max(self.timer) > GRAVE
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rtnl, timer) = (self.rtnl.as_millis(), self.timer.as_millis());
        write!(f, "rtnl held for {rtnl} ms, timer late by {timer} ms")
    }
}

fn longest_wait(bystander: &Host, done: &AtomicBool) -> Result<Duration> {
    let mut longest = Duration::ZERO;
    while !done.load(Ordering::Relaxed) {
        let asked = lab::now();
        // It is up already: nothing changes, but the lock is taken.
        bystander.set_up("lo", true)?;
        longest = longest.max(lab::now() - asked);
        thread::sleep(EACH);
    }
    Ok(longest)
}

const EACH: Duration = Duration::from_millis(10);
/// More than deleting an interface takes, which is part of some faults.
const GRAVE: Duration = Duration::from_millis(50);
