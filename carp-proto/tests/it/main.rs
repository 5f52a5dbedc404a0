//! What the packet must look like, against known bytes and against independent readers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exemption of tests in clippy.toml does not reach their helpers"
)]

mod authenticator;
mod captures;
mod codec;
mod decoded;
mod frames;
mod packets;
mod support;
mod vectors;
