//! What somebody does who wants to do harm and has no key: forged adverts and rubbish on the wire,
//! clients of the control socket that send nonsense or nothing.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use carp_benches::{CARPDEV, PASS, Result, best_advert, rubbish, say, sayings};
use carp_net::carp_fsm::carp_proto::{AdvertHeaders, MacAddress, advert_frame};
use carp_net::lab::Host;

use crate::seats::{GROUPS, Group};

/// Sends forged adverts until it is over, some thousand a second at most.
///
/// # Errors
///
/// Where they cannot be sent.
pub(crate) fn forge(stranger: &Host, over: &AtomicBool) -> Result<()> {
    let frames = frames()?;
    for frame in frames.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        stranger.send_frame(CARPDEV, frame)?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// In turn: adverts of the vhids that there are, with a digest made without the key; one of a vhid
/// that nobody has, with a right digest; rubbish of protocol 112. Over both families.
fn frames() -> Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    for number in 0..=u8::MAX {
        let mac = MacAddress([2, 0, 0, 0, 9, number]);
        let inet = AdvertHeaders::to_group(mac, [192, 0, 2, 60 + number % 100].into());
        let inet6 = [0xfe80, 0, 0, 0, 0, 0, 0x77, number.into()];
        let inet6 = AdvertHeaders::to_group(mac, inet6.into());
        let rubbish = rubbish()?;
        for headers in [inet, inet6] {
            for group in GROUPS {
                let forged = best_advert(group.vhid(), "guessed", group.addresses(), number)?;
                frames.push(advert_frame(&headers, &forged).to_vec());
            }
            let addresses = Group::Ours.addresses();
            let unknown = best_advert(number.clamp(1, 90), PASS, addresses, number)?;
            frames.push(advert_frame(&headers, &unknown).to_vec());
            frames.push(advert_frame(&headers, &rubbish).to_vec());
        }
    }
    Ok(frames)
}

/// Has clients say nonsense to the service until it is over. Few at a time: root's connections are
/// those of the operator too, who is to be heard.
///
/// # Errors
///
/// Where the bench itself cannot.
pub(crate) fn abuse(socket: &Path, over: &AtomicBool) -> Result<()> {
    let mut clients = Vec::new();
    let sayings = sayings().into_iter().map(|(_, saying)| saying);
    let mut sayings = sayings.cycle();
    while !over.load(Ordering::Relaxed) {
        // While the service is away there is nobody to talk to.
        if let Ok(client) = UnixStream::connect(socket) {
            client.set_nonblocking(true)?;
            let saying = sayings.next().unwrap_or_default();
            // What there is no room for is not said.
            let _rest = say(&client, &saying);
            clients.push(client);
        }
        if clients.len() > AT_ONCE {
            clients.remove(0);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// How many connections are open at once.
const AT_ONCE: usize = 4;
