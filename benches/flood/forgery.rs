//! The frames of a flood.

use carp_benches::{PASS, Result, VHID, best_advert, rubbish, shared_address};
use carp_net::carp_fsm::carp_proto::{AdvertHeaders, Family, MacAddress, advert_frame};

/// Frames, in turn: an advert of the vhid that is configured, with a digest made without the key; one
/// of a vhid that nobody has; rubbish of protocol 112.
pub(crate) fn frames() -> Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    let configured: u8 = VHID.parse()?;
    let advert = |vhid, password, counter| {
        best_advert(vhid, password, [shared_address(Family::Inet)], counter)
    };
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
        frames.push(advert_frame(&headers, &rubbish()?).to_vec());
    }
    Ok(frames)
}
