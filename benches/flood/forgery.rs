//! What somebody sends who wants to do harm and has no key.

use carp_benches::{PASS, Result, VHID, shared_address};
use carp_net::carp_fsm::carp_proto::{
    AdvertHeaders, Advertisement, Authenticator, ChecksumForm, DigestForm, Family, Key, MacAddress,
    Vhid, advert_frame,
};

/// Frames, in turn: an advert of the vhid that is configured, with a digest made without the key; one
/// of a vhid that nobody has; rubbish of protocol 112.
pub(crate) fn frames() -> Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    let configured: u8 = VHID.parse()?;
    for number in 0..=u8::MAX {
        let source = [192, 0, 2, 60 + number % 100].into();
        let headers = AdvertHeaders::to_group(MacAddress([2, 0, 0, 0, 9, number]), source);
        frames.push(advert_frame(&headers, &advert(configured, "guessed", number)?).to_vec());
        // A right digest helps as little.
        let unknown = if number == 0 || number == configured {
            1
        } else {
            number
        };
        frames.push(advert_frame(&headers, &advert(unknown, PASS, number)?).to_vec());
        let mut rubbish = [0; Advertisement::LEN];
        getrandom::fill(&mut rubbish)?;
        frames.push(advert_frame(&headers, &rubbish).to_vec());
    }
    Ok(frames)
}

/// The best there can be, which everybody would give way to.
fn advert(vhid: u8, password: &str, counter: u8) -> Result<[u8; Advertisement::LEN]> {
    let vhid = Vhid::new(vhid)?;
    let key = Key::from_password(password);
    let authenticator = Authenticator::new(&key, vhid, [shared_address(Family::Inet)]);
    let advert = Advertisement::new(vhid, 0, 0, 0, counter.into());
    let signed = advert.signed(&authenticator, DigestForm::WithoutLinkLocal);
    Ok(signed.with_checksum(ChecksumForm::Plain).encode())
}
