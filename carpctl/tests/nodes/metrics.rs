//! Prometheus at the real service: scrapers that read, and others.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use carp_net::lab::now;
use rustix::process::{Pid, Signal, kill_process};

use crate::greedy::must_be_on_time;
use crate::net::{Net, Node, PATIENCE, Terrain, V4, let_pass, wait_until};

const GET: &[u8] = b"GET /metrics HTTP/1.0\r\n\r\n";

/// Starts the service in the foreground, with metrics served at `address`.
fn daemon(node: &Node, address: &str) -> Child {
    let mut command = node.command(&format!("daemon --metrics {address}"));
    let child = command.stderr(Stdio::null()).spawn().unwrap();
    wait_until("the service answers", || {
        node.carpctl("metrics").contains("\ncarp_up 1\n")
    });
    child
}

fn end(mut daemon: Child) {
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert!(daemon.wait().unwrap().success());
}

/// The body of the answer, where there is a whole one.
fn scrape(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(GET).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 OK\r\n")
        .then(|| body.to_owned())
}

/// What Prometheus' own parser and critic find wrong with `text`.
fn promtool(text: &str) -> String {
    let mut promtool = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool (Debian package prometheus): {error}"));
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

/// Asks for the metrics and keeps the connection, without reading.
fn asks_and_never_reads(socket: &Path) -> UnixStream {
    let mut scraper = UnixStream::connect(socket).unwrap();
    match scraper.write(GET) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::BrokenPipe),
    }
    scraper
}

#[test]
fn scrapers_that_never_read_delay_no_advert_and_others_get_metrics() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let socket = node.run_dir().join("metrics.sock");
    let service = daemon(node, &format!("unix:{}", socket.display()));
    // An advert each 101.6 ms.
    node.carpctl(&format!(
        "carp0 vhid 99 pass x carpdev vmx0 advbase 0 advskew 26 {V4}"
    ));
    for number in 1..300 {
        node.carpctl(&format!("carp{number} create"));
    }
    node.wait_for("MASTER", PATIENCE);
    let body = scrape(&socket).unwrap();
    assert_eq!(promtool(&body), "");
    assert_eq!(promtool(&node.carpctl("metrics")), "");
    for line in [
        "carp_interface_state{interface=\"carp0\",vhid=\"99\",carpdev=\"vmx0\",state=\"master\"} 1",
        "carp_interface_addresses_installed{interface=\"carp0\",family=\"inet\"} 1",
        "carp_interface_carpdev_up{interface=\"carp0\",carpdev=\"vmx0\"} 1",
        "carp_interface_transitions_total{interface=\"carp0\"} 2",
    ] {
        assert!(body.lines().any(|it| it == line), "{line}:\n{body}");
    }

    let tap = net.lab.tap_port("one").unwrap();
    let began = now();
    let mut deaf = Vec::new();
    while now() - began < Duration::from_secs(3) {
        deaf.extend((0..10).map(|_| asks_and_never_reads(&socket)));
        let_pass(Duration::from_millis(20));
    }
    must_be_on_time(tap);
    assert!(deaf.len() >= 500, "{} scrapers", deaf.len());
    wait_until("one that reads is served", || scrape(&socket).is_some());
    assert_eq!(node.state(), "MASTER");
    drop(deaf);

    node.carpctl("restart");
    let body = scrape(&socket).unwrap();
    assert!(body.contains("\ncarp_interface_transitions_total{interface=\"carp0\"} 2\n"));
    end(service);
    assert!(!socket.exists(), "the socket is left");
}

#[test]
fn loopback_port_is_scraped_over_a_restart_and_a_crash() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.run("ip", "link set lo up");
    let service = daemon(node, "127.0.0.1:9112");
    let is_scraped = || {
        let script = "exec 3<>/dev/tcp/127.0.0.1/9112; \
                      printf 'GET /metrics HTTP/1.1\\r\\nHost: one\\r\\n\\r\\n' >&3; cat <&3";
        let output = node.host.command("bash").args(["-c", script]).output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("\r\n0\r\n\r\n")
    };
    assert!(is_scraped());
    node.carpctl("restart");
    assert!(is_scraped(), "after a restart");
    node.engine().kill().unwrap();
    wait_until("the service is there again", is_scraped);
    end(service);
    assert!(!is_scraped());
}
