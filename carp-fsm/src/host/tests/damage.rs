//! What other programs do to a virtual host, and what it makes of that.

use super::*;
use crate::{Damage, Reason, TakenDown};

const MINUTE: u64 = 60_000;

impl Bench {
    fn damage(&mut self, damage: Damage) {
        let id = self.id;
        self.input(Input::Damaged { id, damage });
    }

    fn incident(&mut self, damage: Damage) {
        self.damage(damage);
        self.input(Input::Mended(self.id));
    }

    fn reasons(&self) -> Vec<alloc::string::String> {
        let reason = |entry: crate::Demotion<'_>| alloc::format!("{}", entry.owner);
        self.node.demotions().map(reason).collect()
    }
}

/// After its first announcements, and with nothing told or done yet.
fn quiet(mut bench: Bench) -> Bench {
    bench.pass_millis(1_000);
    bench.take();
    bench.told();
    bench
}

// ---- damage ----

#[test]
fn address_that_is_put_back_at_once_demotes_nobody() {
    let mut bench = quiet(Bench::master());
    bench.damage(Damage::Address);
    assert_eq!(bench.node.demotion("carp"), 0);
    bench.input(Input::Mended(bench.id));
    assert!(bench.take().is_empty());
    let lost = "address removed by another program";
    assert_eq!(
        bench.told(),
        [lost.to_owned(), alloc::format!("mended: {lost}")]
    );
}

#[test]
fn changed_interface_demotes_for_as_long_as_it_is_changed() {
    let damage = Damage::Inet6Disabled;
    let mut bench = quiet(Bench::master());
    bench.damage(damage);
    assert_eq!(bench.reasons(), [alloc::format!("{damage}")]);
    assert!(bench.take().is_empty(), "the next advert is soon enough");
    bench.pass(Duration::from_micros(1_390_625));
    assert_eq!(bench.take(), ["advert inet 1/100 1"]);
    bench.input(Input::Mended(bench.id));
    assert_eq!(bench.node.demotion("carp"), 0);
    assert!(bench.take().is_empty());
}

/// The others are told at once; who finds that none has taken over holds the addresses again.
#[test]
fn master_with_another_mac_address_holds_nothing_until_it_has_its_own() {
    let mut bench = quiet(Bench::master());
    bench.damage(Damage::LinkAddress);
    assert_eq!(bench.take(), ["advert inet 1/100 1"]);
    bench.pass(Duration::from_micros(1_390_625));
    assert_eq!(bench.take(), ["advert inet 1/100 1"], "no announcement");
    bench.input(Input::Mended(bench.id));
    bench.pass_millis(19);
    assert!(bench.take().is_empty(), "another node may be about to");
    bench.pass_millis(1);
    let again = ["hold", "advert inet 1/100 0", "announce 192.0.2.10"];
    assert_eq!(bench.take(), again);
    assert_eq!(bench.node.demotion("carp"), 0);
}

#[test]
fn master_with_another_mac_address_yields_with_nothing_to_hand_over() {
    let mut bench = quiet(Bench::master());
    bench.damage(Damage::LinkAddress);
    bench.take();
    bench.hear(1, 200, 0);
    assert_eq!(bench.state(), State::Backup);
    assert_eq!(bench.take(), ["release"]);
    bench.input(Input::Mended(bench.id));
    bench.pass_millis(1_000);
    assert!(bench.take().is_empty());
}

/// Whoever holds nothing leaves the addresses to any other master, a worse one too.
#[test]
fn master_with_another_mac_address_yields_to_a_worse_one() {
    let mut bench = Bench::master();
    bench.damage(Damage::LinkAddress);
    bench.take();
    bench.hear(1, 200, 1);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["release".into()])
    );
}

#[test]
fn interface_that_was_set_down_may_turn_out_to_be_deleted() {
    let mut bench = quiet(Bench::master());
    let id = bench.id;
    for how in [TakenDown::SetDown, TakenDown::Deleted] {
        bench.input(Input::TakenDown { id, how });
        let last = bench.node.host(id).unwrap().last_transition().unwrap();
        assert_eq!(last.reason, Reason::TakenDown(how));
        let remembered = bench.node.host(id).unwrap().transitions().next_back();
        assert_eq!(remembered.unwrap().reason, Reason::TakenDown(how));
    }
    assert_eq!(
        bench.told().len(),
        2,
        "the transition, and what was released"
    );
}

#[test]
fn damage_that_cannot_be_mended_is_told_to_the_others_at_once() {
    for damage in [Damage::Address, Damage::Inet6Disabled] {
        let mut bench = quiet(Bench::master());
        bench.damage(damage);
        assert!(bench.take().is_empty());
        bench.input(Input::NotMended(bench.id));
        assert_eq!(bench.take(), ["advert inet 1/100 1"]);
        assert_eq!(bench.reasons(), [alloc::format!("{damage}")]);
        bench.pass_millis(10 * MINUTE);
        assert_eq!(
            bench.node.demotion("carp"),
            1,
            "it lasts as long as the damage"
        );
        bench.input(Input::Mended(bench.id));
        assert_eq!(bench.node.demotion("carp"), 0);
    }
}

#[test]
fn not_mended_is_said_of_something() {
    let mut bench = quiet(Bench::master());
    bench.input(Input::NotMended(bench.id));
    bench.incident(Damage::Address);
    bench.input(Input::NotMended(bench.id));
    assert_eq!(bench.node.demotion("carp"), 0);
    assert!(bench.take().is_empty());
    bench.told();
    bench.input(Input::Mended(bench.id));
    assert!(bench.told().is_empty(), "nothing was damaged");
}

#[test]
fn damage_goes_with_the_host_that_has_it() {
    let mut bench = Bench::backup();
    bench.damage(Damage::LinkAddress);
    assert_eq!(bench.node.demotion("carp"), 1);
    bench.node.remove(bench.now, bench.id).unwrap();
    bench.drain();
    assert_eq!(bench.node.demotion("carp"), 0);
    assert!(bench.node.deadline().is_none());
}

#[test]
fn last_trouble_is_shown_until_a_minute_after() {
    let mut bench = Bench::master();
    let trouble = |bench: &Bench| bench.node.host(bench.id).unwrap().trouble();
    assert_eq!(trouble(&bench), None);
    bench.damage(Damage::Address);
    let seen = trouble(&bench).unwrap();
    assert_eq!(
        (seen.damage, seen.at, seen.mended),
        (Damage::Address, bench.now, false)
    );
    bench.input(Input::Mended(bench.id));
    assert!(trouble(&bench).unwrap().mended);
    bench.pass_millis(MINUTE - 1);
    assert!(trouble(&bench).is_some());
    bench.pass_millis(1);
    assert_eq!(trouble(&bench), None);
}

// ---- the budget ----

#[test]
fn all_within_a_second_is_one_incident() {
    let mut bench = Bench::master();
    for _ in 0..50 {
        bench.incident(Damage::Address);
        bench.pass_millis(19);
    }
    assert_eq!(bench.node.counters().incidents, 1);
    bench.pass_millis(50);
    bench.incident(Damage::LinkAddress);
    assert_eq!(bench.node.counters().incidents, 2);
    assert_eq!(bench.node.host(bench.id).unwrap().counters().incidents, 2);
    assert_eq!(bench.node.demotion("carp"), 0);
}

#[test]
fn ten_incidents_in_a_minute_demote_until_a_minute_is_quiet() {
    let mut bench = quiet(Bench::master());
    for _ in 0..9 {
        bench.incident(Damage::Address);
        bench.pass_millis(5_000);
    }
    assert_eq!(bench.node.demotion("carp"), 0);
    bench.take();
    bench.incident(Damage::Address);
    assert_eq!(
        bench.reasons(),
        ["changed by another program again and again"]
    );
    assert_eq!(bench.take(), ["advert inet 1/100 1"], "said at once");
    bench.pass_millis(MINUTE - 1);
    bench.incident(Damage::Address);
    bench.pass_millis(MINUTE - 1);
    assert_eq!(bench.node.demotion("carp"), 1, "no minute was quiet");
    bench.pass_millis(1);
    assert_eq!(bench.node.demotion("carp"), 0);
    for _ in 0..9 {
        bench.incident(Damage::Address);
        bench.pass_millis(1_000);
    }
    assert_eq!(bench.node.demotion("carp"), 0, "the budget is whole again");
}

/// The first and the tenth are a minute apart, or a little more.
#[test]
fn a_minute_is_a_whole_one() {
    for (millis, demoted) in [(12_000, 1), (12_001, 0)] {
        let mut bench = quiet(Bench::master());
        for _ in 0..8 {
            bench.incident(Damage::Address);
            bench.pass_millis(6_000);
        }
        bench.incident(Damage::Address);
        bench.pass_millis(millis);
        bench.incident(Damage::Address);
        assert_eq!(bench.node.demotion("carp"), demoted, "{millis}");
    }
}

#[test]
fn slow_trouble_stays_within_the_budget() {
    let mut bench = Bench::master();
    for _ in 0..100 {
        bench.incident(Damage::Address);
        bench.pass_millis(6_700);
    }
    assert_eq!(bench.node.counters().incidents, 100);
    assert_eq!(bench.node.demotion("carp"), 0);
}

#[test]
fn election_forgets_no_incident() {
    let mut bench = Bench::master();
    for _ in 0..5 {
        bench.incident(Damage::Address);
        bench.pass_millis(1_000);
    }
    bench.command(Command::Backup);
    bench.command(Command::Master);
    for _ in 0..5 {
        bench.incident(Damage::Address);
        bench.pass_millis(1_000);
    }
    assert_eq!(bench.node.demotion("carp"), 1);
    bench.command(Command::Down);
    bench.pass_millis(MINUTE);
    assert_eq!(bench.node.demotion("carp"), 0);
}

// ---- taken down ----

fn taken_down(bench: &Bench, how: TakenDown) -> Input {
    Input::TakenDown { id: bench.id, how }
}

#[test]
fn master_that_is_taken_down_bows_out_at_once_and_stays_down_until_up() {
    for (how, told) in [
        (TakenDown::SetDown, "set down by another program"),
        (TakenDown::Deleted, "deleted by another program"),
    ] {
        let mut bench = quiet(Bench::new(Node::builder().preempt(true), host(0, &[V4])));
        bench.pass_millis(10_000);
        let mut bench = quiet(bench);
        bench.input(taken_down(&bench, how));
        assert_eq!(
            (bench.state(), bench.take()),
            (State::Init, vec!["bow-out inet".into(), "release".into()])
        );
        assert_eq!(
            bench.told().last().unwrap(),
            &alloc::format!("state transition: MASTER -> INIT ({told})")
        );
        assert_eq!(bench.node.demotion("carp"), 0, "it is as `down'");
        bench.pass_millis(MINUTE);
        bench.input(link(LinkState::Down));
        bench.input(link(LinkState::Up));
        assert_eq!((bench.state(), bench.take()), (State::Init, vec![]));
        bench.command(Command::Up);
        bench.pass_millis(3_000);
        assert_eq!(bench.state(), State::Master);
    }
}

#[test]
fn backup_that_is_taken_down_says_nothing() {
    let mut bench = quiet(Bench::backup());
    bench.input(taken_down(&bench, TakenDown::Deleted));
    assert_eq!((bench.state(), bench.take()), (State::Init, vec![]));
    assert_eq!(
        bench.told(),
        ["state transition: BACKUP -> INIT (deleted by another program)"]
    );
}

#[test]
fn taken_down_on_the_way_to_master_lets_go() {
    let mut bench = Bench::backup();
    bench.answers = false;
    bench.command(Command::Master);
    bench.take();
    bench.input(taken_down(&bench, TakenDown::SetDown));
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["release".into()])
    );
    bench.input(Input::Held(bench.id));
    assert_eq!((bench.state(), bench.take()), (State::Init, vec![]));
}

#[test]
fn taken_down_while_handing_over_ends_it() {
    let mut bench = Bench::master();
    bench.hear(1, 0, 0);
    bench.take();
    bench.input(taken_down(&bench, TakenDown::SetDown));
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["release".into()])
    );
}

#[test]
fn taken_down_before_the_bow_out_has_left_says_it_at_once() {
    let mut bench = Bench::master();
    bench.answers = false;
    bench.command(Command::Backup);
    assert_eq!(bench.take(), ["hand over"]);
    bench.input(taken_down(&bench, TakenDown::SetDown));
    assert_eq!(bench.take(), ["bow-out inet", "release"]);
}

#[test]
fn removed_host_that_is_taken_down_is_gone() {
    let mut bench = Bench::master();
    bench.node.remove(bench.now, bench.id).unwrap();
    bench.input(taken_down(&bench, TakenDown::Deleted));
    assert!(bench.node.host(bench.id).is_none());
}

// ---- addresses that cannot be held ----

#[test]
fn master_whose_addresses_cannot_be_put_in_place_is_demoted_until_they_are() {
    let mut bench = Bench::master();
    bench.answers = false;
    let both = host(100, &[V4, V6]);
    bench.node.change(bench.now, bench.id, LINK, both).unwrap();
    bench.drain();
    let mut bench = quiet(bench);
    bench.input(Input::HoldFailed(bench.id));
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.reasons(), ["addresses cannot be put in place"]);
    let (inet, inet6) = ("advert inet 1/100 1", "advert inet6 1/100 1");
    let under_both_lists = [inet, inet, inet6, inet6];
    assert_eq!(bench.take(), under_both_lists);
    bench.hear(1, 200, 0);
    assert_eq!(
        bench.state(),
        State::Backup,
        "a worse node without trouble is better"
    );
    bench.pass_millis(200);
    bench.command(Command::Master);
    bench.input(Input::HoldFailed(bench.id));
    assert_eq!(bench.node.demotion("carp"), 1, "still so");
    bench.command(Command::Master);
    bench.input(Input::Held(bench.id));
    assert_eq!(
        (bench.state(), bench.node.demotion("carp")),
        (State::Master, 0)
    );
}

#[test]
fn backup_whose_addresses_cannot_be_put_in_place_was_never_demoted() {
    let mut bench = Bench::backup();
    bench.answers = false;
    bench.command(Command::Master);
    bench.input(Input::HoldFailed(bench.id));
    assert_eq!(
        (bench.state(), bench.node.demotion("carp")),
        (State::Backup, 0)
    );
}
