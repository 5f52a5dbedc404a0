//! What somebody sends who wants to do harm and has no key.

use std::net::IpAddr;

use carp_net::carp_fsm::carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Key, Vhid,
};

use crate::Result;

/// The best claim there can be, which everybody would give way to, signed with a password.
///
/// # Errors
///
/// Where `vhid` is none.
pub fn best_advert(
    vhid: u8,
    password: &str,
    addresses: impl IntoIterator<Item = IpAddr, IntoIter: Clone>,
    counter: u8,
) -> Result<[u8; Advertisement::LEN]> {
    let vhid = Vhid::new(vhid)?;
    let key = Key::from_password(password);
    let authenticator = Authenticator::new(&key, vhid, addresses);
    let advert = Advertisement::new(vhid, 0, 0, 0, counter.into());
    let signed = advert.signed(&authenticator, DigestForm::WithoutLinkLocal);
    Ok(signed.with_checksum(ChecksumForm::Plain).encode())
}

/// What has the protocol and the length of an advert, and nothing else of it.
///
/// # Errors
///
/// Where the machine has no random numbers.
pub fn rubbish() -> Result<[u8; Advertisement::LEN]> {
    let mut rubbish = [0; Advertisement::LEN];
    getrandom::fill(&mut rubbish)?;
    Ok(rubbish)
}
