//! Clients of the control socket that ask without end and never read.

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::lab::{Tap, now};

use crate::net::{Net, PATIENCE, Terrain, V4, let_pass};
use crate::wire::is_advert;

const SHOW_ALL: &[u8] = b"{\"version\":1,\"message\":{\"show\":{\"interface\":null}}}\n";

/// Asks until nobody takes any more, and keeps the connection.
fn asks_and_never_reads(socket: &std::path::Path) -> Option<UnixStream> {
    let mut client = UnixStream::connect(socket).ok()?;
    client.set_nonblocking(true).unwrap();
    loop {
        match client.write(SHOW_ALL) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(client),
            Err(_) => return None,
        }
    }
}

#[test]
fn clients_that_never_read_delay_no_advert() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    // An advert each 101.6 ms.
    node.carpctl(&format!(
        "carp0 vhid 99 pass x carpdev vmx0 advbase 0 advskew 26 {V4}"
    ));
    for number in 1..60 {
        node.carpctl(&format!("carp{number} create"));
    }
    node.wait_for("MASTER", PATIENCE);
    let socket = node
        .run_dir()
        .join(format!("net-{}.sock", node.host.namespace().inode()));
    let tap = net.lab.tap_port("one").unwrap();
    let began = now();
    let mut clients = Vec::new();
    while now() - began < Duration::from_secs(3) {
        clients.extend(asks_and_never_reads(&socket));
        let_pass(Duration::from_millis(20));
    }
    assert!(clients.len() > 10, "{} clients", clients.len());
    must_be_on_time(tap);
    drop(clients); // as root, they leave no place to anybody else
    assert_eq!(node.state(), "MASTER");
}

/// Wants a master of 0/26 that was recorded for three seconds to have advertised on time.
pub(crate) fn must_be_on_time(tap: Tap) {
    let frames = tap.stop().unwrap().frames;
    let adverts = frames.iter().filter(|frame| is_advert(&frame.bytes));
    let times: Vec<_> = adverts.map(|frame| frame.time).collect();
    let late =
        |pair: &[Timestamp]| (pair[1] - pair[0]).saturating_sub(Duration::from_micros(101_562));
    let mut lateness: Vec<_> = times.windows(2).map(late).collect();
    lateness.sort_unstable();
    // One may be late because the machine is busy elsewhere; who waits for a client is always late.
    let all_but_one = lateness.len() - 2;
    assert!(lateness.len() > 25, "{} adverts", lateness.len());
    assert!(
        lateness[all_but_one] <= Duration::from_millis(10),
        "{lateness:?}"
    );
}
