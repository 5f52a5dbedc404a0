//! What a service manager is told by a service that nobody supervises.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::*;

/// A service, and the service manager that it tells.
fn managed() -> (Bench, UnixDatagram, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let notifier = Notifier::at(path.as_os_str(), None).unwrap();
    (Bench::managed(false, Some(notifier)), manager, directory)
}

fn hears(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 1024];
    let length = manager.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn manager_is_told_of_interfaces_as_they_change() {
    let (bench, manager, _directory) = managed();
    assert_eq!(
        hears(&manager),
        "READY=1\nSTATUS=no interface; demotion 0\n"
    );
    bench.done("carp1", "create");
    assert_eq!(
        hears(&manager),
        "READY=1\nSTATUS=1 interface: carp1 INIT; demotion 0\n"
    );
    bench.done("carp0", "vhid 1 carpdev vmx0");
    let master = "READY=1\nSTATUS=2 interfaces: carp0 MASTER, carp1 INIT; demotion 0\n";
    while hears(&manager) != master {}
    demotion::demote(&bench, "carp carpdemote 7");
    assert_eq!(hears(&manager), master.replace("demotion 0", "demotion 7"));
}

#[test]
fn reload_lasts_as_long_as_the_connection() {
    let (bench, manager, _directory) = managed();
    let ready = hears(&manager);
    let mut client = bench.connect();
    let request = protocol::encode(&Request::Reload).unwrap();
    client.write_all(&request).unwrap();
    let reloading = hears(&manager);
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    let answer = b"{\"version\":1,\"message\":{\"done\":{\"notes\":[]}}}\n";
    let mut said = vec![0; answer.len()];
    client.read_exact(&mut said).unwrap();
    assert_eq!(said, answer);
    drop(client);
    assert_eq!(hears(&manager), ready);
}
