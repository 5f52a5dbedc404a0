//! What comes of hooks, as the operator sees it.

use super::*;
use crate::hooks::Hook;
use crate::hooks::order::{Finished, Outcome};

const PROGRAM: &str = "/etc/carpctl/ready";

impl Bench {
    /// Carries all orders out with `outcome`.
    fn hooks_come_to(&self, outcome: Outcome) {
        let worker = client::work(&self.paths).unwrap().unwrap();
        thread::spawn(move || {
            let mut finished = None;
            while let Ok(order) = worker.next_order(finished.take()) {
                let (id, prepare) = (order.id, order.hook == Hook::Prepare);
                let outcome = if prepare {
                    outcome.clone()
                } else {
                    Outcome::Done
                };
                finished = Some(Finished { id, outcome });
            }
        });
    }

    /// An interface that asks before it becomes master, which it does when it is told to.
    fn with_a_question(outcome: Outcome) -> Self {
        let bench = Self::staying();
        bench.hooks_come_to(outcome);
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
