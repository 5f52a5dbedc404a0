//! The lease of speech: who does not go on advertising is not asked any more, but still answers.

use super::*;
use crate::linux::egress::Speeches;

const SECOND: Duration = Duration::from_secs(1);

/// Where the kernel lets nobody load a program there is nothing to test; it lets root.
fn speech_is_possible() -> bool {
    let possible = Speeches::load().is_ok();
    assert!(possible || std::env::var_os("CI").is_none(), "no bpf()");
    if !possible {
        eprintln!("skipped: the kernel does not let us load a BPF program");
    }
    possible
}

/// When the last answer came to a question for `address`, asked until the addresses have gone, and
/// when the last echo did; both counted from the hold, for four seconds.
fn last_words(address: &str) -> (Duration, Duration) {
    let lab = lab().expect("possible before");
    let (client, asker) = (lab.host("client").unwrap(), lab.host("asker").unwrap());
    for (host, number) in [(&client, 50), (&asker, 51)] {
        host.add_address(&format!("192.0.2.{number}/24")).unwrap();
        host.add_address(&format!("2001:db8::{number}/64")).unwrap();
    }
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let id = one.configure(&carp0());
    let held = ["192.0.2.10/24", "2001:db8::10/64"];
    one.hold_for(id, &held, SECOND * 4);
    let echo = client.echo(ip(address), 500).unwrap();
    assert!(echo.wait_for_answers(50, LONG));
    // Nobody is asked who is known: the echoes must not depend on it.
    one.hold_for(id, &held, SECOND * 4);
    let began = one.backend.now();
    let questions = asker.ask(ip(address), Duration::from_millis(10)).unwrap();
    // The kernel takes its time to end a lease.
    one.all_within(SECOND * 6);
    let answers = questions.stop().unwrap().answers;
    let report = echo.stop().unwrap();
    let first_lost = report.losses().map(|(_, at)| at).min().unwrap();
    (answers.last().unwrap().time - began, first_lost - began)
}

#[test]
fn answers_to_neighbours_end_before_the_addresses_go() {
    let _alone = alone();
    if lab().is_none() || !speech_is_possible() {
        return;
    }
    for address in ["192.0.2.10", "2001:db8::10"] {
        let (spoke, answered) = last_words(address);
        let speech = SECOND * 59 / 20;
        assert!(spoke > speech - SECOND / 10, "{address}: {spoke:?}");
        assert!(spoke < speech + SECOND / 10, "{address}: {spoke:?}");
        assert!(answered > SECOND * 39 / 10, "{address}: {answered:?}");
    }
}

#[test]
fn each_renewal_puts_the_end_of_speech_off() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    let asker = lab.host("asker").unwrap();
    asker.add_address("192.0.2.51/24").unwrap();
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let id = one.configure(&carp0());
    one.hold_for(id, &["192.0.2.10/24"], SECOND);
    let questions = asker
        .ask(ip("192.0.2.10"), Duration::from_millis(10))
        .unwrap();
    for _ in 0..6 {
        one.all_within(SECOND / 3);
        one.backend.renew(id, SECOND);
    }
    one.settle();
    let asked_for = questions.stop().unwrap();
    let times: Vec<_> = asked_for.answers.iter().map(|answer| answer.time).collect();
    let longest = times.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    assert!(longest < SECOND / 4, "silent for {longest:?}");

    // Without a lease there is no end of speech either.
    one.hold(id, &["192.0.2.10/24"]);
    one.all_within(SECOND);
    let questions = asker
        .ask(ip("192.0.2.10"), Duration::from_millis(10))
        .unwrap();
    assert!(questions.wait_for_answer(LONG).is_some());
    drop(questions.stop());
}
