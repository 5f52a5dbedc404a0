//! What is told of the past and of others: what happens, why, and who is heard.

pub(crate) mod cause;
pub(crate) use cause::{Cause, Claim, Clock, Heard, Moment, micros};
mod happening;
pub(crate) use happening::{Happening, What};
pub(crate) mod peers;
pub(crate) mod why;
