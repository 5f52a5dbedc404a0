//! `carpctl decode` with the real binary, on captures of real peers and on files that are none.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod desk;
mod passwords;
mod peers;
#[path = "../ran/mod.rs"]
mod ran;
mod shown;
mod unreadable;
