//! Of a life that engine and model disagree on, the part that matters.

use crate::model::{Dialect, Plan};
use crate::{Life, Signatures};

/// The same life without what they agree on anyway; `None` where they agree on all of it.
pub(crate) fn smallest(plan: &Plan, spoken: Dialect, signatures: &mut Signatures) -> Option<Plan> {
    let mut smallest = plan.clone();
    let end = disagreement(&smallest, spoken, signatures)?;
    smallest.steps.truncate(end + 1);
    loop {
        let before = smallest.steps.len();
        let mut chunk = before;
        while chunk > 0 {
            let mut at = 0;
            while at < smallest.steps.len() {
                let mut without = smallest.clone();
                let end = (at + chunk).min(without.steps.len());
                without.steps.drain(at..end);
                if let Some(end) = disagreement(&without, spoken, signatures) {
                    without.steps.truncate(end + 1);
                    smallest = without;
                } else {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
        if smallest.steps.len() == before {
            return Some(smallest);
        }
    }
}

/// The first event after which they differ.
fn disagreement(plan: &Plan, spoken: Dialect, signatures: &mut Signatures) -> Option<usize> {
    let mut life = Life::new(&plan.config, spoken, signatures);
    plan.steps.iter().position(|step| life.go_on(step).is_err())
}

/// A life, event by event, with what both did, to its end or where they differ.
pub(crate) fn told(plan: &Plan, spoken: Dialect, signatures: &mut Signatures) -> String {
    let mut life = Life::new(&plan.config, spoken, signatures);
    life.told = Some(format!("{:?}\n", plan.config));
    for step in &plan.steps {
        if life.go_on(step).is_err() {
            break;
        }
    }
    life.told.unwrap_or_default()
}
