//! Time that passes in a bench, and how a bench is ended before its time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use carp_net::lab;

use crate::Result;

/// Lets time pass; an error as soon as somebody wants the bench to end.
///
/// # Errors
///
/// Where somebody does.
pub fn pause(span: Duration) -> Result<()> {
    let until = lab::now() + span;
    loop {
        if WANTED_TO_END
            .get()
            .is_some_and(|end| end.load(Ordering::Relaxed))
        {
            return Err("interrupted".into());
        }
        let left = until - lab::now();
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// Some time less than `span`.
///
/// # Errors
///
/// Where the machine has no random numbers.
pub fn random_below(span: Duration) -> Result<Duration> {
    let random = getrandom::u32()?;
    Ok(span.mul_f64(f64::from(random) / f64::from(u32::MAX)))
}

/// At the first signal everything is taken down; at the second one there is no time for it.
///
/// # Errors
///
/// Where the signals cannot be watched.
pub fn end_in_good_order() -> Result<()> {
    let end = WANTED_TO_END.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(end))?;
        signal_hook::flag::register(signal, Arc::clone(end))?;
    }
    Ok(())
}

static WANTED_TO_END: OnceLock<Arc<AtomicBool>> = OnceLock::new();
