//! The ways in which a service or an interface ends, and what is left: nothing.

use std::time::Duration;

use crate::net::{Net, Terrain, V4, V6, let_pass, none_lost};

fn both() -> String {
    format!("{V4} {V6}")
}

/// Plays an end of the first node and checks that no echo is lost and that its network is as
/// before; `idle` says that its service ends too.
fn ends_cleanly(words: &str, idle: bool, end: impl Fn(&Net)) {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let before = net.one.host.snapshot().unwrap();
    net.configure(&format!("{words} {}", both()));
    net.wait_for_master(&net.one, &net.two);
    let asks = net.asks(&[V4, V6]);
    let echoes = net.echoes(&[V4, V6]);
    end(&net);
    net.two.wait_for("MASTER", Duration::from_secs(1));
    let_pass(Duration::from_millis(500));
    none_lost(echoes, "the end");
    drop(asks);
    if idle {
        net.one.wait_until_idle();
        let after = net.one.host.snapshot().unwrap();
        assert_eq!(after.changes_since(&before), Vec::<String>::new());
        let left = std::fs::read_dir(net.one.run_dir()).unwrap();
        let sockets = left.filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|kind| kind == "sock")
        });
        assert_eq!(sockets.count(), 0);
    }
}

#[test]
fn destroy_loses_nothing_and_leaves_nothing() {
    ends_cleanly("", true, |net| {
        net.one.carpctl("carp0 destroy");
    });
}

#[test]
fn destroy_loses_nothing_and_leaves_nothing_with_lladdr_carpdev() {
    ends_cleanly("lladdr carpdev", true, |net| {
        net.one.carpctl("carp0 destroy");
    });
}

#[test]
fn sigterm_loses_nothing_and_leaves_nothing() {
    ends_cleanly("", true, |net| net.one.supervisor().terminate().unwrap());
}

#[test]
fn sigterm_loses_nothing_and_leaves_nothing_with_lladdr_carpdev() {
    ends_cleanly("lladdr carpdev", true, |net| {
        net.one.supervisor().terminate().unwrap();
    });
}

#[test]
fn state_backup_hands_over_and_holds() {
    ends_cleanly("", false, |net| {
        net.one.carpctl("sysctl net.inet.carp.preempt=1");
        net.one.carpctl("carp0 state backup");
        net.two.wait_for("MASTER", Duration::from_secs(1));
        let_pass(Duration::from_millis(3_500));
        assert_eq!(net.one.state(), "BACKUP", "preempt or not");
    });
}

/// A backup that ends has nothing to hand over and leaves nothing either.
#[test]
fn backup_leaves_nothing() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    let before = net.two.host.snapshot().unwrap();
    net.configure(&both());
    net.wait_for_master(&net.one, &net.two);
    net.two.carpctl("carp0 destroy");
    net.two.wait_until_idle();
    let after = net.two.host.snapshot().unwrap();
    assert_eq!(after.changes_since(&before), Vec::<String>::new());
    assert_eq!(net.one.state(), "MASTER");
}
