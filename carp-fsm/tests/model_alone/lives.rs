//! Random lives of the model by itself.

use std::collections::BTreeSet;

use crate::model::Dialect::Ucarp;
use crate::model::State::{Backup, Init, Master};
use crate::model::{Dialect, Model, Output, Plan, Row, State};

/// Random lives reach every row of §4.3 and every change of state in every dialect, the master
/// alone advertises, and the same seed gives the same life.
#[test]
fn random_lives_go_everywhere() {
    for dialect in Dialect::ALL {
        let (mut rows, mut changes) = (BTreeSet::new(), BTreeSet::new());
        for seed in 0..5_000 {
            let plan = Plan::random(dialect, seed);
            assert!((5..=40).contains(&plan.steps.len()));
            assert_eq!(live(&plan, &mut rows, &mut changes), {
                let again = Plan::random(dialect, seed);
                live(&again, &mut BTreeSet::new(), &mut BTreeSet::new())
            });
        }
        let all = Row::ALL.into_iter();
        let all = all.filter(|row| *row != Row::MasterTies || dialect != Ucarp);
        let all = all.filter(|row| *row != Row::ReplacesDemoted || dialect.has_demote_byte());
        assert_eq!(rows, all.collect(), "{dialect:?}");
        let all = [(Init, Backup), (Backup, Init), (Backup, Master)];
        let all = all.into_iter().chain([(Master, Backup), (Master, Init)]);
        assert_eq!(changes, all.collect(), "{dialect:?}");
    }
}

/// Lives a plan, noting what it meets; ties are waited out as short as can be.
fn live(
    plan: &Plan,
    rows: &mut BTreeSet<Row>,
    changes: &mut BTreeSet<(State, State)>,
) -> Vec<Output> {
    let mut model = Model::new(plan.config.clone());
    let mut state = Init;
    let mut life = Vec::new();
    for step in &plan.steps {
        let at = model.time_after(step.wait);
        life.extend(model.input(at, step.input));
        rows.extend(model.row());
        assert_eq!(
            model.deadline().is_none(),
            model.state() == Init,
            "{plan:?}"
        );
        if let Some((_, deadline)) = model.deadline() {
            assert!(at < deadline, "{plan:?}");
        }
    }
    let mut last = 0;
    for output in &life {
        let at = match *output {
            Output::Sent(at, _) => {
                assert_eq!(state, Master, "{plan:?}");
                at
            }
            Output::Went(at, from, to) => {
                assert_eq!(state, from, "{plan:?}");
                changes.insert((from, to));
                state = to;
                at
            }
            Output::Sending(at, ..) => at,
        };
        assert!(last <= at, "{plan:?}");
        last = at;
    }
    assert_eq!(state, model.state(), "{plan:?}");
    life
}
