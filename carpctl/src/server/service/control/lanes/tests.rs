use super::*;
use crate::vocabulary::hooks::order;

const fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn name(name: &str) -> InterfaceName {
    name.parse().unwrap()
}

/// Lanes with some workers, and what has been run in them.
struct Bench {
    lanes: Lanes,
}

impl Bench {
    fn with_workers(count: usize) -> Self {
        let mut lanes = Lanes::new(at(5));
        for worker in 0..count {
            lanes.work(at(0), Ticket(worker), None);
        }
        Self { lanes }
    }

    fn order(&mut self, interface: &str, hook: Hook) -> Order {
        let mut order = order::tests::order(hook);
        order.interface = name(interface);
        order.id = self.lanes.new_id();
        order.state = match hook {
            Hook::Up | Hook::Prepare => State::Master,
            Hook::Backup => State::Backup,
            Hook::Down => State::Init,
        };
        order
    }

    fn add(&mut self, interface: &str, hook: Hook) {
        let order = self.order(interface, hook);
        self.lanes.add(at(1), order);
    }

    /// What is given to workers now: worker, interface, hook.
    fn given(&mut self) -> Vec<(usize, String, Hook)> {
        let next = || self.lanes.next(|_| false);
        let given = std::iter::from_fn(next);
        given
            .map(|(Ticket(worker), order)| (worker, order.interface.to_string(), order.hook))
            .collect()
    }

    fn finish(&mut self, worker: usize, outcome: Outcome) -> Option<Order> {
        let id = self.lanes.workers[&Ticket(worker)].as_ref()?.order.id;
        let finished = Finished { id, outcome };
        self.lanes.work(at(2), Ticket(worker), Some(&finished))
    }
}

fn given(worker: usize, interface: &str, hook: Hook) -> (usize, String, Hook) {
    (worker, interface.to_owned(), hook)
}

#[test]
fn hooks_of_one_interface_run_one_after_the_other() {
    let mut bench = Bench::with_workers(2);
    bench.add("carp0", Hook::Backup);
    assert_eq!(bench.given(), [given(0, "carp0", Hook::Backup)]);
    bench.add("carp0", Hook::Up);
    assert_eq!(bench.given(), []);
    bench.finish(0, Outcome::Done);
    assert_eq!(bench.given(), [given(1, "carp0", Hook::Up)]);
}

#[test]
fn interfaces_run_side_by_side_up_to_a_limit() {
    let mut bench = Bench::with_workers(SIDE_BY_SIDE + 4);
    for interface in 0..SIDE_BY_SIDE + 2 {
        bench.add(&format!("carp{interface}"), Hook::Up);
    }
    assert_eq!(bench.given().len(), SIDE_BY_SIDE);
    bench.finish(0, Outcome::Done);
    assert_eq!(bench.given().len(), 1);
    // Questions wait for nothing.
    let question = bench.order("carp0", Hook::Prepare);
    bench.lanes.ask(at(1), question);
    assert_eq!(bench.given()[0].2, Hook::Prepare);
}

#[test]
fn behind_a_hook_that_hangs_only_the_newest_state_waits() {
    let mut bench = Bench::with_workers(1);
    bench.add("carp0", Hook::Up);
    assert_eq!(bench.given().len(), 1);
    for _ in 0..25 {
        bench.add("carp0", Hook::Backup);
        bench.add("carp0", Hook::Up);
    }
    bench.add("carp0", Hook::Down);
    let program = "/up".to_owned();
    bench.finish(0, Outcome::TimedOut { program });
    let (_, order) = bench.lanes.next(|_| false).unwrap();
    assert_eq!((order.hook, order.skipped), (Hook::Down, 50));
    let failure = bench.lanes.failure(name("carp0"), at(3)).unwrap();
    let expected = (at(2), "up: /up: took too long, killed".to_owned());
    assert_eq!(failure, expected);
    bench.finish(0, Outcome::Done);
    assert_eq!(bench.given(), []);
    // Only that hook can say that it goes well again.
    assert_eq!(bench.lanes.failure(name("carp0"), at(3)), Some(expected));
    bench.add("carp0", Hook::Up);
    bench.given();
    bench.finish(0, Outcome::Done);
    assert_eq!(bench.lanes.failure(name("carp0"), at(3)), None);
}

#[test]
fn hook_waits_until_its_interface_is_ready() {
    let mut bench = Bench::with_workers(1);
    bench.add("carp0", Hook::Backup);
    assert!(bench.lanes.next(|it| it == name("carp0")).is_none());
    assert!(bench.lanes.next(|it| it == name("carp1")).is_some());
}

#[test]
fn question_is_asked_beside_a_hook_and_the_next_hook_waits_for_it() {
    let mut bench = Bench::with_workers(3);
    bench.add("carp0", Hook::Backup);
    assert_eq!(bench.given().len(), 1);
    let question = bench.order("carp0", Hook::Prepare);
    let id = bench.lanes.ask(at(1), question);
    assert_eq!(bench.given(), [given(1, "carp0", Hook::Prepare)]);
    // Asked again meanwhile, the same answer will do.
    let again = bench.order("carp0", Hook::Prepare);
    assert_eq!(bench.lanes.ask(at(1), again), id);
    bench.finish(0, Outcome::Done);
    bench.add("carp0", Hook::Up);
    assert_eq!(bench.given(), []);
    bench.finish(1, Outcome::Done);
    assert_eq!(bench.given(), [given(2, "carp0", Hook::Up)]);
}

#[test]
fn what_a_worker_leaves_behind_another_one_does() {
    let mut bench = Bench::with_workers(2);
    bench.add("carp0", Hook::Up);
    bench.given();
    assert_eq!(bench.lanes.told(name("carp0")), Some(State::Master));
    bench.lanes.leave(Ticket(0));
    assert_eq!(bench.lanes.told(name("carp0")), None);
    assert_eq!(bench.given(), [given(1, "carp0", Hook::Up)]);
    // But not where the state has changed since.
    bench.add("carp0", Hook::Backup);
    bench.lanes.leave(Ticket(1));
    bench.lanes.work(at(1), Ticket(2), None);
    assert_eq!(bench.given(), [given(2, "carp0", Hook::Backup)]);
    bench.lanes.leave(Ticket(2));
    assert!(!bench.lanes.have_workers());
}

#[test]
fn orders_of_a_former_service_are_not_taken_for_ones_of_this() {
    let mut bench = Bench::with_workers(1);
    bench.add("carp0", Hook::Up);
    bench.given();
    let stale = Finished {
        id: 1,
        outcome: Outcome::Done,
    };
    assert_eq!(bench.lanes.work(at(1), Ticket(0), Some(&stale)), None);
}

#[test]
fn end_of_the_service_waits_for_hooks_but_not_for_ever_and_not_for_nobody() {
    let mut bench = Bench::with_workers(1);
    assert_eq!(bench.lanes.busy_until(), None);
    bench.add("carp0", Hook::Down);
    let limit = Duration::from_secs(30);
    let until = at(1) + (limit + GRACE) * 2 + MARGIN;
    assert_eq!(bench.lanes.busy_until(), Some(until));
    bench.given();
    assert_eq!(bench.lanes.busy_until(), Some(until));
    bench.finish(0, Outcome::Done);
    assert_eq!(bench.lanes.busy_until(), None);
    let question = bench.order("carp0", Hook::Prepare);
    bench.lanes.ask(at(1), question);
    assert_eq!(bench.given().len(), 1);
    assert_eq!(bench.lanes.busy_until(), None);
    bench.finish(0, Outcome::Done);
    bench.add("carp0", Hook::Down);
    bench.lanes.leave(Ticket(0));
    assert_eq!(bench.lanes.busy_until(), None);
}

#[test]
fn scripts_that_nobody_runs_are_told_of() {
    let mut bench = Bench::with_workers(0);
    bench.add("carp1", Hook::Up);
    let mut order = bench.order("carp0", Hook::Up);
    order.script = Some("/up".to_owned());
    bench.lanes.add(at(1), order);
    assert_eq!(bench.lanes.failure(name("carp0"), at(2)), None);
    let expected = "up: not run: no `carpctl hooks' runs".to_owned();
    let failure = bench.lanes.failure(name("carp0"), at(4));
    assert_eq!(failure, Some((at(1), expected)));
    assert_eq!(bench.lanes.failure(name("carp1"), at(4)), None);
}
