//! What comes of hooks, as the operator sees it.

use std::sync::mpsc;

use super::*;
use crate::vocabulary::hooks::Hook;
use crate::vocabulary::hooks::order::{Finished, Order, Outcome};

const PROGRAM: &str = "/etc/carpctl/ready";

impl Bench {
    /// Has `worker` carry all orders out.
    fn hooks_are_run_by(&self, worker: impl Fn(&Order) -> Outcome + Send + 'static) {
        let connection = client::work(&self.paths).unwrap().unwrap();
        thread::spawn(move || {
            let mut finished = None;
            while let Ok(order) = connection.next_order(finished.take()) {
                let (id, outcome) = (order.id, worker(&order));
                finished = Some(Finished { id, outcome });
            }
        });
    }

    /// An interface that asks before it becomes master, which it does when it is told to.
    fn with_a_question(outcome: Outcome) -> Self {
        let bench = Self::staying();
        bench.hooks_are_run_by(move |order| match order.hook {
            Hook::Prepare => outcome.clone(),
            Hook::Up | Hook::Backup | Hook::Down => Outcome::Done,
        });
        bench.done(
            "carp0",
            &format!("vhid 1 advbase 200 carpdev vmx0 192.0.2.10/24 preparescript {PROGRAM}"),
        );
        bench
    }
}

#[test]
fn question_that_was_not_asked_tells_why_until_another_script_takes_its_place() {
    let program = PROGRAM.to_owned();
    let why = "no such file".to_owned();
    let bench = Bench::with_a_question(Outcome::NotRun { program, why });
    bench.done("carp0", "state master");
    let told = || bench.report("carp0").hook_error.map(|past| past.reason);
    let expected =
        format!("preparescript {PROGRAM} was not run: no such file: taking over without it");
    assert_eq!(told().as_deref(), Some(&*expected));
    bench.done("carp0", "description x");
    assert_eq!(told().as_deref(), Some(&*expected));
    bench.done("carp0", "-preparescript");
    assert_eq!(told(), None);
}

#[test]
fn command_that_a_script_refuses_leaves_a_trace() {
    let program = PROGRAM.to_owned();
    let how = "exit status 1".to_owned();
    let bench = Bench::with_a_question(Outcome::Failed { program, how });
    let reason = bench.refused("carp0", "state master");
    assert!(reason.contains(PROGRAM), "{reason}");
    let told = bench.report("carp0").error.map(|past| past.reason);
    assert_eq!(told, Some(reason));
}

/// A script that was asked whether its interface may become master, and has not answered.
struct Asked {
    answer: mpsc::Sender<Outcome>,
    /// What is run.
    orders: mpsc::Receiver<Hook>,
}

impl Asked {
    fn wait_for(&self, hook: Hook) {
        assert!(self.orders.iter().any(|order| order == hook));
    }
}

impl Bench {
    /// An interface that `begin` makes and has want to become master.
    fn with_an_open_question(begin: impl FnOnce(&Self)) -> (Self, Asked) {
        let bench = Self::staying();
        let (tell, orders) = mpsc::channel();
        let (answer, answered) = mpsc::channel();
        bench.hooks_are_run_by(move |order| {
            tell.send(order.hook).ok();
            match order.hook {
                Hook::Prepare => answered.recv().unwrap_or(Outcome::Done),
                Hook::Up | Hook::Backup | Hook::Down => Outcome::Done,
            }
        });
        begin(&bench);
        let asked = Asked { answer, orders };
        asked.wait_for(Hook::Prepare);
        (bench, asked)
    }
}

#[test]
fn command_does_not_wait_for_a_script_that_was_asked() {
    let (tell, told) = mpsc::channel();
    let (bench, asked) = Bench::with_an_open_question(|bench| {
        let line = format!("vhid 1 advbase 200 carpdev vmx0 192.0.2.10/24 preparescript {PROGRAM}");
        bench.done("carp0", &line);
        let paths = bench.paths.clone();
        thread::spawn(move || tell.send(change(&paths, "carp0", "state master")));
    });
    bench.done("carp0", "description x");
    bench.done("carp0", "down");
    assert_eq!(bench.state("carp0"), State::Init);
    // Whoever had waited for the answer would have become master without it.
    let reason = "not master: requested: down".to_owned();
    assert_eq!(told.recv().unwrap(), Reply::Refused { reason });
    bench.done("carp0", "destroy");
    drop(asked);
}

#[test]
fn answer_that_nobody_waits_for_any_more_is_not_told_of() {
    let (bench, asked) = Bench::with_an_open_question(|bench| {
        let line = format!(
            "vhid 1 advbase 0 advskew 9 carpdev vmx0 192.0.2.10/24 preparescript {PROGRAM}"
        );
        bench.done("carp0", &line);
    });
    bench.done("carp0", "down");
    let program = PROGRAM.to_owned();
    asked.answer.send(Outcome::TimedOut { program }).unwrap();
    asked.wait_for(Hook::Down);
    assert_eq!(bench.report("carp0").hook_error, None);
    assert_eq!(bench.report("carp0").error, None);
}
