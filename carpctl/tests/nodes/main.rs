//! The real service on real links: nodes, a client and a switch in network namespaces.
//!
//! These need the rights to make namespaces. Where they are missing each test says so and is
//! skipped; with `CI` set that is a failure.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it is"
)]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod care;
mod cases;
mod crafted;
mod demotion;
mod dialects;
mod endings;
mod freebsd;
mod grammar;
mod greedy;
mod hooks;
mod log;
mod managed;
mod metrics;
mod net;
mod netstart;
mod peers;
mod precedence;
mod routes;
mod sandbox;
mod session;
mod supervisor;
mod watch;
mod watchdog;
mod wire;
