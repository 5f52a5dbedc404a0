//! The engine crashes, hangs or is started anew: another goes on where it was, and no other node
//! takes over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use carp_net::lab::{self, Direction, Frame, Process, Watch};

use crate::net::{
    Net, Node, PASS, Terrain, USER, V4, V6, has_word, ip, let_pass, none_lost, stop, wait_until,
};
use crate::wire;

/// Two nodes, and who holds what on each of them.
struct Watched {
    net: Net,
    watches: [Watch; 2],
    /// How often each of them had changed its state.
    transitions: [usize; 2],
}

impl Watched {
    /// Waits until the first node is master.
    fn new(words: &str) -> Option<Self> {
        let net = Net::new(Terrain::default())?;
        net.configure(&format!("{words} {V4} {V6}"));
        net.wait_for_master(&net.one, &net.two);
        // Both have seen an advert and a whole series of announcements.
        let_pass(Duration::from_millis(2_500));
        let watch = |node: &Node| node.host.watch(&[ip(V4), ip(V6)]).unwrap();
        let watches = [watch(&net.one), watch(&net.two)];
        let transitions = [net.one.transitions(), net.two.transitions()];
        Some(Self {
            net,
            watches,
            transitions,
        })
    }

    /// Nothing has happened to the election, and the addresses were on the first node all the
    /// time.
    fn assert_nothing_happened(self) -> Net {
        for (node, before) in [&self.net.one, &self.net.two]
            .into_iter()
            .zip(self.transitions)
        {
            let why = node.carpctl("why carp0");
            assert_eq!(node.transitions(), before, "{}: {why}", node.host.name());
        }
        let [one, two] = self.watches;
        for address in [ip(V4), ip(V6)] {
            assert!(one.holds(address) && !two.holds(address));
        }
        let changes = |watch: Watch| watch.stop().unwrap();
        let on_one = changes(one);
        assert!(on_one.iter().all(|change| change.held), "{on_one:?}");
        let on_two = changes(two);
        assert!(on_two.iter().all(|change| !change.held), "{on_two:?}");
        self.net
    }
}

/// Waits until another engine than `old` is there, and answers.
fn wait_for_another(node: &Node, old: &Process) {
    wait_until("the engine is replaced", || {
        let is_another = |it: &Process| has_word(it, "--engine") && it.pid() != old.pid();
        node.services().iter().any(is_another)
    });
    node.json();
}

/// How many echoes a fault costs, at most, in one of the families.
fn lost(net: &Watched, fault: impl FnOnce(&Net)) -> u64 {
    let asks = net.net.asks(&[V4, V6]);
    let echoes = net.net.echoes(&[V4, V6]);
    fault(&net.net);
    // Longer than the peer waits, and than a lease lasts.
    let_pass(Duration::from_millis(5_000));
    drop(asks);
    let reports = stop(echoes);
    let lost = reports.iter().map(lab::EchoReport::lost);
    lost.max().unwrap()
}

fn killed_engine(words: &str) {
    let Some(watched) = Watched::new(words) else {
        return;
    };
    let lost = lost(&watched, |net| {
        let engine = net.one.engine();
        engine.kill().unwrap();
        wait_for_another(&net.one, &engine);
    });
    assert!(lost <= 3, "{lost} lost");
    watched.assert_nothing_happened();
}

#[test]
fn killed_engine_is_replaced_without_a_take_over() {
    killed_engine("");
}

#[test]
fn killed_engine_is_replaced_without_a_take_over_with_lladdr_carpdev() {
    killed_engine("lladdr carpdev");
}

fn frozen_engine(words: &str) {
    let Some(watched) = Watched::new(words) else {
        return;
    };
    let lost = lost(&watched, |net| {
        let engine = net.one.engine();
        engine.freeze().unwrap();
        let_pass(Duration::from_secs(10));
        engine.thaw().unwrap(); // which it does not live to see
        wait_for_another(&net.one, &engine);
    });
    assert!(lost <= 50, "{lost} lost");
    watched.assert_nothing_happened();
}

#[test]
fn frozen_engine_is_replaced_without_a_take_over() {
    frozen_engine("");
}

#[test]
fn frozen_engine_is_replaced_without_a_take_over_with_lladdr_carpdev() {
    frozen_engine("lladdr carpdev");
}

#[test]
fn killed_backup_stays_backup() {
    let Some(watched) = Watched::new("") else {
        return;
    };
    let lost = lost(&watched, |net| {
        let engine = net.two.engine();
        engine.kill().unwrap();
        wait_for_another(&net.two, &engine);
    });
    assert_eq!(lost, 0);
    watched.assert_nothing_happened();
}

/// Nobody may ever ask it anything. It runs before others, whom it would keep from running.
#[test]
fn engine_that_replaces_another_rests_when_there_is_nothing_to_do() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    node.carpctl(&format!("carp0 vhid 99 pass {PASS} carpdev vmx0 {V4}"));
    let killed = node.engine();
    killed.kill().unwrap();
    let successor = || {
        let services = node.services().into_iter();
        let mut engines = services.filter(|it| has_word(it, "--engine"));
        engines.find(|it| it.pid() != killed.pid())
    };
    wait_until("the engine is replaced", || successor().is_some());
    let engine = successor().unwrap().pid();
    // Longer than a service that was started on demand waits for who started it.
    let_pass(Duration::from_millis(6_500));
    let ran = || -> u64 {
        let counted = std::fs::read_to_string(format!("/proc/{engine}/schedstat")).unwrap();
        counted.split(' ').next().unwrap().parse().unwrap()
    };
    let before = ran();
    let_pass(Duration::from_secs(1));
    let took = Duration::from_nanos(ran() - before);
    assert!(took < Duration::from_millis(200), "{took:?} of a second");
}

// ---- restart ----

/// Anything by which a node tells its neighbours or routers something new: ARP for the address,
/// neighbour advertisements, leaving of groups.
fn is_news(frame: &Frame) -> bool {
    let payload = frame.payload();
    match frame.ethertype() {
        0x0806 => payload[14..18] == [192, 0, 2, 10] && payload[24..28] == [192, 0, 2, 10],
        // Of IGMP everything: who is in a group already has nothing to say.
        0x0800 => payload[9] == 2,
        // Renewing an address makes the kernel say again what groups it is in (MLD, behind a
        // header of 8 bytes); a record of type 3 would say that it has left one.
        0x86dd if payload[6] == 0 => {
            payload[48] == 132 || payload[56..].chunks(20).any(|r| r[0] == 3)
        }
        0x86dd => payload[6] == 58 && payload[40] == 136 && payload[24] == 0xff,
        _ => false,
    }
}

/// Does something when it goes.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn restarted(words: &str, node: fn(&Net) -> &Node) {
    let Some(watched) = Watched::new(words) else {
        return;
    };
    let net = &watched.net;
    let tap = net.lab.tap().unwrap();
    let asks = net.asks(&[V4, V6]);
    let echoes = net.echoes(&[V4, V6]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Also where this thread ends in a panic.
        let end = OnDrop(|| over.store(true, Ordering::Relaxed));
        // Somebody looks all the while, and always sees it.
        let looking = scope.spawn(|| {
            let mut looks = 0;
            while !over.load(Ordering::Relaxed) {
                let shown = node(net).carpctl("carp0");
                assert!(shown.contains("vhid 99"), "{shown}");
                looks += 1;
            }
            looks
        });
        for _ in 0..2 {
            let (engine, supervisor) = (node(net).engine(), node(net).supervisor());
            assert_eq!(node(net).carpctl("restart"), "");
            assert_ne!(node(net).engine().pid(), engine.pid());
            assert_eq!(node(net).supervisor().pid(), supervisor.pid());
            let_pass(Duration::from_millis(1_500));
        }
        let_pass(Duration::from_millis(5_000));
        drop(end);
        assert!(looking.join().unwrap() > 100);
    });
    none_lost(echoes, "restart");
    drop(asks);
    for frame in tap.stop().unwrap().frames {
        let of_node = &*frame.interface == node(net).host.name();
        assert!(
            !(of_node && frame.direction == Direction::In && is_news(&frame)),
            "{:02x?}",
            frame.bytes
        );
        if let Some(advert) = wire::advert(&frame.bytes) {
            assert!(!advert.is_bow_out());
        }
    }
    let net = watched.assert_nothing_happened();
    // What the first engine changed on this machine is put back by the last.
    node(&net).supervisor().terminate().unwrap();
    node(&net).wait_until_idle();
}

#[test]
fn restart_of_the_master_is_not_noticed() {
    restarted("", |net| &net.one);
}

#[test]
fn restart_of_the_master_is_not_noticed_with_lladdr_carpdev() {
    restarted("lladdr carpdev", |net| &net.one);
}

#[test]
fn restart_of_the_backup_is_not_noticed() {
    restarted("", |net| &net.two);
}

#[test]
fn restarted_service_leaves_nothing_in_the_end() {
    for words in ["", "lladdr carpdev"] {
        let Some(net) = Net::new(Terrain::default()) else {
            return;
        };
        let before = net.one.host.snapshot().unwrap();
        net.configure(&format!("{words} {V4} {V6}"));
        net.wait_for_master(&net.one, &net.two);
        net.one.carpctl("restart");
        net.one.engine().kill().unwrap();
        net.one.carpctl("sysctl net.inet.carp.preempt=1");
        net.one.carpctl("carp0 advskew 1");
        net.one.carpctl("carp0 destroy");
        net.one.wait_until_idle();
        let after = net.one.host.snapshot().unwrap();
        assert_eq!(
            after.changes_since(&before),
            Vec::<String>::new(),
            "{words}"
        );
    }
}

/// An upgrade replaces the file of the program; both processes come to run the new one. One that
/// does not run does no harm.
#[test]
fn upgrade_reaches_both_processes_or_neither() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let installed = net.one.run_dir().join("installed");
    let install = |program: &str| {
        let new = installed.with_extension("new");
        net.one.copy_program(program, &new);
        std::fs::rename(&new, &installed).unwrap();
    };
    let runs = |process: &Process| std::fs::read_link(format!("/proc/{}/exe", process.pid()));
    install(env!("CARGO_BIN_EXE_carpctl"));
    let mut daemon = net.one.host.command(&installed);
    daemon
        .arg("daemon")
        .env("CARPCTL_USER", USER)
        .env("CARPCTL_RUN_DIR", net.one.run_dir());
    let mut daemon = daemon.spawn().unwrap();
    net.one.wait_until_it_listens();
    net.one.carpctl("carp0 create");
    net.one
        .carpctl(&format!("carp0 vhid 99 pass {PASS} carpdev vmx0 advskew 7"));

    install(env!("CARGO_BIN_EXE_carpctl"));
    assert_ne!(runs(&net.one.engine()).unwrap(), installed, "the old one");
    net.one.carpctl("restart");
    assert_eq!(runs(&net.one.engine()).unwrap(), installed);
    wait_until("the supervisor is renewed", || {
        runs(&net.one.supervisor()).is_ok_and(|program| program == installed)
    });
    assert_eq!(net.one.supervisor().pid(), daemon.id());

    install("/bin/false");
    net.one.carpctl("restart");
    assert!(
        net.one
            .carpctl("carp0")
            .contains("vhid 99 advbase 1 advskew 7")
    );
    assert_ne!(
        runs(&net.one.engine()).unwrap(),
        installed,
        "goes on as it was"
    );
    net.one.supervisor().terminate().unwrap();
    assert!(daemon.wait().unwrap().success());
}

// ---- ends ----

#[test]
fn sigterm_of_the_engine_ends_the_service_in_good_order() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    net.configure(&format!("{V4} {V6}"));
    net.wait_for_master(&net.one, &net.two);
    let echoes = net.echoes(&[V4, V6]);
    net.one.engine().terminate().unwrap();
    net.two.wait_for("MASTER", Duration::from_secs(1));
    net.one.wait_until_idle();
    none_lost(echoes, "the end");
    assert_eq!(net.one.carpctl(""), "");
}

#[test]
fn engine_goes_on_without_its_supervisor() {
    let Some(watched) = Watched::new("") else {
        return;
    };
    let net = &watched.net;
    let (engine, supervisor) = (net.one.engine().pid(), net.one.supervisor());
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    let_pass(Duration::from_millis(5_000));
    assert_eq!(net.one.engine().pid(), engine);
    let said = net.one.refused("restart");
    assert!(
        said.starts_with("carpctl: restart: the supervisor of the service is gone"),
        "{said}"
    );
    let net = watched.assert_nothing_happened();
    net.one.engine().terminate().unwrap();
    net.two.wait_for("MASTER", Duration::from_secs(1));
    net.one.wait_until_idle();
}

#[test]
fn service_without_a_supervisor_cannot_be_restarted() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let said = net.one.refused("restart");
    assert_eq!(
        said,
        "carpctl: restart: no service runs for this network namespace\n"
    );
    let mut service = net.one.command("daemon --unsupervised").spawn().unwrap();
    net.one.wait_until_it_listens();
    net.one.carpctl("carp0 create");
    let said = net.one.refused("restart");
    assert!(
        said.starts_with("carpctl: restart: the service runs without a supervisor"),
        "{said}"
    );
    assert_eq!(net.one.engine().pid(), service.id());
    net.one.engine().terminate().unwrap();
    assert!(service.wait().unwrap().success());
}

/// While the supervisor is stopped nothing waits for it, and nothing is lost.
#[test]
fn stopped_supervisor_holds_nothing_up() {
    let Some(watched) = Watched::new("") else {
        return;
    };
    let net = &watched.net;
    let supervisor = net.one.supervisor();
    supervisor.freeze().unwrap();
    net.one
        .carpctl("carp1 vhid 7 pass x carpdev vmx0 advskew 3");
    let said = net.one.refused("restart");
    assert!(said.contains("does not answer"), "{said}");
    let engine = net.one.engine();
    supervisor.thaw().unwrap();
    net.one.carpctl("restart");
    assert_ne!(net.one.engine().pid(), engine.pid());
    assert!(net.one.carpctl("carp1").contains("advskew 3"));
    watched.assert_nothing_happened();
}
