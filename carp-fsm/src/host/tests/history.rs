//! Why a host is what it is: the rule, what was heard, what it claimed, and the clock.

use super::*;
use crate::testing::envelope;
use crate::{Claim, Clock, Event, Facts, Heard, Interval, LastHeard, Reason, Transition, Wait};

fn transitions(bench: &Bench) -> Vec<Transition> {
    let host = bench.node.host(bench.id).unwrap();
    host.transitions().copied().collect()
}

fn claim(base: u8, skew: u8, demotion: u8) -> Claim {
    Claim {
        interval: Interval::from_octets(base, skew),
        demotion,
    }
}

fn heard(claim: Claim) -> Heard {
    let source = envelope(Family::Inet).source;
    Heard { source, claim }
}

#[test]
fn take_over_after_silence_names_the_timer_and_the_last_advert() {
    let mut bench = Bench::backup();
    bench.pass_millis(500);
    bench.hear(1, 0, 0);
    let last = bench.now;
    bench.pass(Duration::from_secs(10));
    let all = transitions(&bench);
    let [begun, taken] = all[..] else {
        panic!("{all:?}");
    };
    assert_eq!((begun.from, begun.to), (State::Init, State::Backup));
    assert_eq!(
        (begun.reason, begun.facts.clock),
        (Reason::Configured, None)
    );
    let length = Duration::from_micros(3_390_625);
    assert_eq!(
        taken,
        Transition {
            at: last + length,
            from: State::Backup,
            to: State::Master,
            reason: Reason::MasterDown(Family::Inet),
            facts: Facts {
                own: claim(1, 100, 0),
                demotion: 0,
                preempt: false,
                clock: Some(Clock {
                    wait: Wait {
                        since: last,
                        length
                    },
                    heard: Some(LastHeard {
                        heard: heard(claim(1, 0, 0)),
                        at: last
                    }),
                }),
            },
        }
    );
    let section = taken.reason.section();
    assert_eq!((taken.reason.name(), section), ("master_down", Some("4.4")));
}

#[test]
fn clock_is_that_of_the_decision_however_long_the_addresses_take() {
    let mut bench = Bench::backup();
    bench.answers = false;
    let begun = bench.now;
    bench.pass(Duration::from_secs(4));
    assert_eq!(bench.state(), State::Backup);
    bench.input(Input::Held(bench.id));
    let taken = *transitions(&bench).last().unwrap();
    assert_eq!(taken.at, begun + Duration::from_secs(4));
    let clock = taken.facts.clock.unwrap();
    assert_eq!(
        (clock.wait.since, clock.wait.length),
        (begun, Duration::from_micros(3_390_625))
    );
    assert_eq!(clock.heard, None);
}

#[test]
fn yielding_names_the_better_claim_and_the_own_one() {
    let mut bench = Bench::master();
    bench.input(Input::Demote {
        group: "carp".into(),
        owner: "backup".into(),
        amount: 300,
    });
    bench.hear(1, 0, 7);
    let yielded = *transitions(&bench).last().unwrap();
    assert_eq!(yielded.reason, Reason::Yielded(heard(claim(1, 0, 7))));
    assert_eq!(yielded.reason.heard(), Some(heard(claim(1, 0, 7))));
    assert_eq!(
        (yielded.facts.own, yielded.facts.demotion),
        (claim(1, 100, 255), 300)
    );
    assert_eq!(yielded.facts.clock, None);
}

#[test]
fn preemption_is_among_the_facts() {
    let mut bench = Bench::new(Node::builder().preempt(true), host(100, &[V4]));
    bench.hear(1, 200, 0);
    let taken = *transitions(&bench).last().unwrap();
    assert_eq!(taken.reason, Reason::Preempted(heard(claim(1, 200, 0))));
    assert!(taken.facts.preempt);
    assert_eq!(taken.reason.section(), Some("4.3 BACKUP a"));
}

#[test]
fn event_and_history_say_the_same() {
    let mut bench = Bench::backup();
    let id = bench.id;
    bench.node.handle(
        bench.now,
        Input::Command {
            id,
            command: Command::Down,
        },
    );
    let told = bench.node.poll_event().unwrap();
    let last = *transitions(&bench).last().unwrap();
    let Event::Transition {
        from,
        to,
        reason,
        facts,
        ..
    } = told
    else {
        panic!("{told:?}");
    };
    assert_eq!(
        (from, to, reason, facts),
        (last.from, last.to, last.reason, last.facts)
    );
}

#[test]
fn sixteen_are_remembered() {
    let mut bench = Bench::backup();
    for _ in 0..20 {
        bench.command(Command::Down);
        bench.command(Command::Up);
    }
    let all = transitions(&bench);
    assert_eq!(all.len(), 16);
    assert!(all.windows(2).all(|pair| pair[0].to == pair[1].from));
    assert_eq!(all.last().unwrap().reason, Reason::Command(Command::Up));
}

#[test]
fn present_says_whom_it_follows_and_until_when() {
    let mut bench = Bench::new(Node::builder(), host(100, &[V4, V6]));
    let begun = bench.now;
    bench.pass_millis(700);
    bench.hear(1, 0, 0);
    let host = bench.node.host(bench.id).unwrap();
    let inet = host.master_down(Family::Inet).unwrap();
    assert_eq!(inet.wait.since, bench.now);
    assert_eq!(inet.heard.unwrap().heard, heard(claim(1, 0, 0)));
    assert_eq!(inet.heard, host.followed(Family::Inet));
    let inet6 = host.master_down(Family::Inet6).unwrap();
    assert_eq!((inet6.wait.since, inet6.heard), (begun, None));
    assert_eq!(host.followed(Family::Inet6), None);
    let master = Bench::master();
    let host = master.node.host(master.id).unwrap();
    assert_eq!(host.master_down(Family::Inet), None);
}
