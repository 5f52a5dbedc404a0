//! Makes a case that fails as small as it can be while the same thing is wrong with it.

use crate::case::Case;
use crate::faults::Fault;

/// The smallest case found that breaks the same promise as `case` does, and what `verdict` says is
/// wrong with it.
pub(crate) fn smallest(
    case: Case,
    wrong: String,
    verdict: impl Fn(&Case) -> Result<(), String>,
) -> (Case, String) {
    let promise = promise(&wrong).to_owned();
    let mut best = (case, wrong);
    loop {
        let smaller = candidates(&best.0).into_iter().find_map(|candidate| {
            let wrong = verdict(&candidate).err()?;
            (self::promise(&wrong) == promise).then_some((candidate, wrong))
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Which promise is broken.
fn promise(wrong: &str) -> &str {
    wrong.split(':').next().unwrap_or(wrong)
}

/// Cases that are a little smaller, the boldest first.
fn candidates(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let mut groups: Vec<usize> = case.faults.iter().map(|drawn| drawn.group).collect();
    groups.sort_unstable();
    groups.dedup();
    // All but the first half, the second half, or one group of faults.
    let (first, second) = groups.split_at(groups.len() / 2);
    let halves = [first, second].into_iter().filter(|half| half.len() > 1);
    let ones = groups.chunks(1);
    for without in halves.chain(ones) {
        let mut smaller = case.clone();
        smaller
            .faults
            .retain(|drawn| !without.contains(&drawn.group));
        all.push(smaller);
    }
    for at in 0..case.faults.len() {
        let mut smaller = case.clone();
        smaller.faults.remove(at);
        all.push(smaller);
    }
    if case.setting.size > 2 {
        let mut smaller = case.clone();
        smaller.setting.size -= 1;
        let size = smaller.setting.size;
        smaller.faults.retain(|drawn| drawn.fault.fits(size));
        all.push(smaller);
    }
    all.extend(case.setting.simpler().into_iter().map(|setting| Case {
        setting,
        ..case.clone()
    }));
    all
}

/// As if a lost power and a cut together broke something, and each alone something else.
#[test]
fn a_case_keeps_what_breaks_its_promise_and_nothing_else() {
    let has = |case: &Case, is_it: fn(&Fault) -> bool| {
        let mut faults = case.faults.iter();
        faults.any(|drawn| is_it(&drawn.fault))
    };
    let verdict = |case: &Case| {
        let power = has(case, |fault| matches!(fault, Fault::PowerOff(_)));
        let cut = has(case, |fault| matches!(fault, Fault::Cut(_, _, true)));
        match (power, cut) {
            (true, true) => Err("both: of many".to_owned()),
            (true, false) | (false, true) => Err("one: of many".to_owned()),
            (false, false) => Ok(()),
        }
    };
    let breaks_both = |case: &Case| verdict(case).is_err_and(|wrong| wrong.starts_with("both"));
    let mut cases = (0..).map(Case::drawn);
    let case = cases.find(breaks_both).unwrap();
    let (small, wrong) = smallest(case, "both: of few".to_owned(), verdict);
    assert_eq!(wrong, "both: of many");
    let faults: Vec<Fault> = small.faults.iter().map(|drawn| drawn.fault).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(breaks_both(&small) && small.setting.simpler().is_empty());
}
