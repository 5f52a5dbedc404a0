use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use carp_net::Driver;
use carp_net::carp_fsm::Node;
use carp_net::memory::Lan;
use mio::Poll;

use super::*;
use crate::paths::Paths;
use crate::server::service::control::Ticket;
use crate::server::service::live::{Live, Wishes};
use crate::vocabulary::change::Change;
use crate::vocabulary::metrics::MetricsAddress;

/// Scrapes with their loop in the hands of the test.
struct Bench {
    scrapes: Scrapes,
    control: Control<Live>,
    poll: Poll,
    socket: std::path::PathBuf,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::within(directory.path().to_owned(), 7);
        let socket = directory.path().join("metrics.sock");
        let door = Door::open(&MetricsAddress::Unix(socket.clone()), &paths, None).unwrap();
        Self::with(door, socket, directory)
    }

    fn with(door: Door, socket: std::path::PathBuf, directory: tempfile::TempDir) -> Self {
        let live = Live::new(&Lan::new(42), &Wishes::default());
        let control = Control::new(Driver::new(live, Node::builder()).unwrap(), false);
        let poll = Poll::new().unwrap();
        let mut scrapes = Scrapes::new(100);
        scrapes.open(door, poll.registry(), Token(5)).unwrap();
        Self {
            scrapes,
            control,
            poll,
            socket,
            directory,
        }
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).unwrap()
    }

    /// Makes so many interfaces.
    fn create(&mut self, how_many: usize) {
        for number in 0..how_many {
            let name = format!("carp{number}").parse().unwrap();
            let create = Change {
                create: true,
                ..Change::default()
            };
            self.control.change(Ticket(number), name, create);
        }
    }

    /// Goes round until `stream` was told everything; what a scraper costs meanwhile is bounded.
    fn told(&mut self, mut stream: impl Read + Send + 'static) -> String {
        let reader = std::thread::spawn(move || {
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            said
        });
        while !reader.is_finished() {
            let now = self.now();
            self.round(now);
            let waiting = self.scrapes.scrapers.values().map(Scraper::waiting);
            assert!(waiting.max().unwrap_or_default() < 32 * 1_024);
        }
        reader.join().unwrap()
    }

    /// Goes round once, at `now`.
    fn round(&mut self, now: Timestamp) {
        self.scrapes.arrive();
        self.scrapes.admit(self.poll.registry(), now);
        self.scrapes.ready = self.scrapes.scrapers.keys().copied().collect();
        self.scrapes.serve(&mut self.control, 0);
    }

    fn now(&self) -> Timestamp {
        self.control.now()
    }
}

#[test]
fn who_has_not_asked_gives_way_to_who_comes_and_is_given_up() {
    let mut bench = Bench::new();
    let now = bench.now();
    let connected: Vec<UnixStream> = (0..20).map(|_| bench.connect()).collect();
    for _ in 0..10 {
        bench.round(now);
    }
    // The last ones are there, and only they.
    let tokens: Vec<usize> = bench.scrapes.scrapers.keys().copied().collect();
    assert_eq!(tokens, [116, 117, 118, 119]);
    let deadline = bench.scrapes.deadline().unwrap();
    assert!(deadline - now <= Duration::from_secs(5), "{deadline}");
    bench.scrapes.give_up_late(deadline);
    assert!(bench.scrapes.scrapers.is_empty());
    drop(connected);
}

#[test]
fn who_reads_is_not_put_out_and_who_does_not_read_is() {
    let mut bench = Bench::new();
    bench.create(400);
    let ask = |bench: &Bench| {
        let mut stream = bench.connect();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        stream
    };
    let mut asked: Vec<UnixStream> = (0..PLACES).map(|_| ask(&bench)).collect();
    // Until all of them have been given what they take without reading.
    for _ in 0..1_000 {
        let now = bench.now();
        bench.round(now);
    }
    assert!(bench.scrapes.scrapers.values().all(Scraper::is_served));
    let mut late = ask(&bench);
    let now = bench.now();
    bench.round(now);
    let mut said = String::new();
    late.read_to_string(&mut said).unwrap();
    assert!(
        said.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{said}"
    );
    // All but the first read on.
    let a_second = bench.now() + SLOW;
    for stream in asked.iter_mut().skip(1) {
        stream.read_exact(&mut [0; 150_000]).unwrap();
    }
    for scraper in bench.scrapes.scrapers.values_mut().skip(1) {
        scraper.step(&mut bench.control, 0, a_second);
    }
    let first = *bench.scrapes.scrapers.keys().next().unwrap();
    assert!(bench.scrapes.make_room(a_second));
    assert!(!bench.scrapes.scrapers.contains_key(&first));
    assert_eq!(bench.scrapes.scrapers.len(), PLACES - 1);
}

#[test]
fn metrics_of_4080_interfaces_are_told_to_the_end() {
    let mut bench = Bench::new();
    bench.create(4_080);
    let mut stream = bench.connect();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let said = bench.told(stream);
    for family in ["carp_interface_up", "carp_interface_incidents_total"] {
        let told = said.matches(&format!("\n{family}{{")).count();
        assert_eq!(told, 4_080, "{family}");
    }
}

#[test]
fn loopback_port_is_served_and_can_be_left_to_another_process() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        // Only here may the kernel choose the port.
        let address = MetricsAddress::Loopback(address.parse().unwrap());
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::within(directory.path().to_owned(), 7);
        let door = Door::open(&address, &paths, None).unwrap();
        let Door::Loopback(listener) = &door else {
            panic!("a port");
        };
        let port = listener.local_addr().unwrap();
        let taken = MetricsAddress::Loopback(port);
        let error = Door::open(&taken, &paths, None).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("metrics: {port}: another program listens there")
        );
        let socket = door.as_fd().try_clone_to_owned().unwrap();
        drop(door);
        let door = Door::inherit(&address, socket).unwrap();
        let mut bench = Bench::with(door, std::path::PathBuf::new(), directory);
        let mut stream = TcpStream::connect(port).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        assert!(bench.told(stream).contains("\ncarp_up 1\n"));
    }
}

#[test]
fn socket_file_goes_unless_it_is_left_and_a_leftover_is_replaced() {
    let bench = Bench::new();
    let (socket, directory) = (bench.socket.clone(), bench.directory);
    assert!(socket.exists());
    let mut scrapes = bench.scrapes;
    scrapes.leave();
    drop(scrapes);
    assert!(socket.exists());
    let paths = Paths::within(directory.path().to_owned(), 7);
    let door = Door::open(&MetricsAddress::Unix(socket.clone()), &paths, None).unwrap();
    let again = Door::open(&MetricsAddress::Unix(socket.clone()), &paths, None);
    let expected = format!(
        "metrics: unix:{}: another program listens there",
        socket.display()
    );
    assert_eq!(again.unwrap_err().to_string(), expected);
    drop(door);
    assert!(!socket.exists());
}
