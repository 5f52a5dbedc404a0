//! The two ways in that the library promises, as an embedder would write them: a whole node on a
//! backend, and the state machine alone with one's own sockets.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::{Authenticator, Envelope, Family, HOP_LIMIT, Key, Vhid};
use carp_net::carp_fsm::{Action, Event, Input, LinkId, Node, State, Timestamp, VirtualHost};
use carp_net::memory::{Lan, Memory};
use carp_net::simulation::Cluster;
use carp_net::{Driver, Handle, KeyFile as _, SavedDriver, SavedInterface, Waker};

/// A file with a password in its first line, gone with the test.
fn key_file() -> Result<tempfile::NamedTempFile, Box<dyn Error>> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), "SharedSecret\nnothing else counts\n")?;
    Ok(file)
}

#[test]
fn a_whole_node() -> Result<(), Box<dyn Error>> {
    let file = key_file()?;
    let lan = Lan::new(1);
    let mut told = Vec::new();

    let web = VirtualHost::new(Vhid::new(99)?, Key::from_file(file.path())?)
        .advskew(100)?
        .address("192.0.2.10/24".parse()?);
    let mut driver = Driver::new(lan.node(), Node::builder().preempt(true))?;
    driver.add("carp0", "vmx0", web)?;
    let handle = driver.handle();
    driver.run(|event| {
        told.push(event.to_string());
        if event.to_string().contains("MASTER") {
            // From any thread; here from the driver's own.
            handle.shutdown().expect("the driver is running");
        }
    })?;

    let line = "carp0: state transition: BACKUP -> MASTER (master timed out (inet))";
    assert!(told.contains(&line.to_owned()), "{told:#?}");
    assert_eq!(told.last().map(String::as_str), Some("carp0: gone"));
    assert!(lan.holders("192.0.2.10".parse()?).is_empty());
    assert_eq!(
        Key::from_file(file.path())?,
        Key::from_password("SharedSecret")
    );
    Ok(())
}

#[test]
fn a_driver_is_asked_from_another_thread() -> Result<(), Box<dyn Error>> {
    let lan = Lan::new(1);
    let mut driver = Driver::new(lan.node(), Node::builder())?;
    let handle = driver.handle();
    let asker = std::thread::spawn(move || {
        let preempt = handle.call(|driver| {
            driver.set_preempt(true);
            driver.node().preempt()
        });
        handle.shutdown()?;
        preempt
    });
    driver.run(|_| {})?;
    let answer = asker.join().map_err(|_| "the asker panicked")?;
    assert!(answer?);
    Ok(())
}

/// An embedder's own sockets: what a test can see of them.
#[derive(Default)]
struct Sock {
    sent: Vec<(LinkId, IpAddr, [u8; 36])>,
}

impl Sock {
    fn send(&mut self, link: LinkId, to: IpAddr, payload: &[u8; 36]) {
        self.sent.push((link, to, *payload));
    }
}

#[test]
fn the_state_machine_alone() -> Result<(), Box<dyn Error>> {
    let mut now = Timestamp::ZERO;
    let mut socks = [Sock::default(), Sock::default()];
    let mut nodes = Vec::new();
    let mut held = [false; 2];
    let mut log = Vec::new();
    for (seed, skew) in [(1, 0), (2, 100)] {
        let web = VirtualHost::new(Vhid::new(99)?, Key::from_password("SharedSecret"))
            .advskew(skew)?
            .address("192.0.2.10/24".parse()?);
        let mut node = Node::new(Node::builder(), seed);
        let id = node.add(now, LinkId(1), web)?;
        nodes.push((node, id));
    }

    while now < Timestamp::ZERO + Duration::from_secs(10) {
        for (index, (node, _)) in nodes.iter_mut().enumerate() {
            while let Some(action) = node.poll_action() {
                match action {
                    Action::Send {
                        link, to, payload, ..
                    } => socks[index].send(link, to, &payload),
                    Action::Hold(id) => {
                        assert_eq!(node.addresses(id).len(), 1);
                        held[index] = true;
                        node.handle(now, Input::Held(id));
                    }
                    Action::HandOver(id) => node.handle(now, Input::Silenced(id)),
                    Action::Renew { .. } => {}
                    Action::Release(_) => held[index] = false,
                    Action::Announce { address, .. } => log.push(format!("announce {address}")),
                }
            }
            while let Some(event) = node.poll_event() {
                if let Event::Transition { to, .. } = event {
                    log.push(format!("{index} {to}"));
                }
            }
        }
        let arrived: Vec<_> = (0..2)
            .flat_map(|from| {
                let sent = std::mem::take(&mut socks[from].sent);
                sent.into_iter().map(move |sent| (1 - from, sent))
            })
            .collect();
        for (to, (link, group, payload)) in &arrived {
            let envelope = Envelope {
                source: "192.0.2.1".parse()?,
                destination: *group,
                hop_limit: HOP_LIMIT,
                traffic_class: None,
                identification: None,
            };
            assert_eq!(*group, Family::Inet.group());
            nodes[*to].0.handle_packet(now, *link, &envelope, payload)?;
        }
        if arrived.is_empty() {
            let deadlines = nodes.iter().filter_map(|(node, _)| node.deadline());
            now = deadlines.map(|deadline| deadline.at).min().unwrap_or(now);
            for (node, _) in &mut nodes {
                node.handle_timeout(now);
            }
        }
    }

    assert_eq!(held, [true, false]);
    let (first, id) = &nodes[0];
    assert_eq!(
        first.host(*id).map(|host| host.state()),
        Some(State::Master)
    );
    assert!(log.contains(&"announce 192.0.2.10".to_owned()));
    Ok(())
}

/// An embedder runs a node in a thread of its own and looks at it from others.
#[test]
fn threads_may_have_them() {
    fn moves<T: Send + 'static>() {}
    fn is_shared<T: Send + Sync + 'static>() {}

    is_shared::<Authenticator>();
    is_shared::<Key>();
    is_shared::<VirtualHost>();
    is_shared::<Node>();
    is_shared::<Action>();
    is_shared::<Event>();
    is_shared::<Handle<Memory>>();
    is_shared::<Lan>();
    is_shared::<Waker>();
    is_shared::<carp_net::Error>();
    is_shared::<carp_net::Event>();
    is_shared::<SavedDriver>();
    is_shared::<SavedInterface>();
    moves::<Driver<Memory>>();
    moves::<Cluster>();
}

#[cfg(target_os = "linux")]
#[test]
fn threads_may_have_what_linux_has() {
    use carp_net::linux::{Linux, Onlooker, Options};
    use carp_net::supervisor::{Record, Supervised, Supervisor};

    fn moves<T: Send + 'static>() {}

    moves::<Options>();
    moves::<Driver<Linux>>();
    moves::<Driver<Onlooker>>();
    moves::<Handle<Linux>>();
    moves::<Supervisor<'static>>();
    moves::<Supervised>();
    moves::<Record>();
}
