//! What a client wants of the replies to a request: what they hold, or why it was refused.
//!
//! Each kind of reply that is asked for is named here once; who asks passes over all others.

use super::{Reply, Told};
use crate::vocabulary::demotion::GroupReport;
use crate::vocabulary::metrics::{Facts, Vitals};
use crate::vocabulary::rehearsal::Rehearsal;
use crate::vocabulary::report::Report;
use crate::vocabulary::settings::Settings;
use crate::vocabulary::stats::Stats;
use crate::vocabulary::watch::peers::Peers;
use crate::vocabulary::watch::why::Why;

/// What one kind of reply holds.
pub(crate) trait Answer: Sized {
    /// What `reply` holds of it; nothing where it is of another kind.
    fn of(reply: Reply) -> Option<Self>;
}

/// All that `replies` hold of one kind, in their order.
///
/// # Errors
///
/// The reason, where what was asked was refused.
pub(crate) fn answers<T: Answer>(replies: Vec<Reply>) -> Result<Vec<T>, String> {
    let mut answers = Vec::new();
    for reply in replies {
        if let Reply::Refused { reason } = reply {
            return Err(reason);
        }
        answers.extend(T::of(reply));
    }
    Ok(answers)
}

/// That a change is done, with what the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) notes: Vec<String>,
}

/// The settings, as they were and as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) before: Settings,
    pub(crate) now: Settings,
}

/// What Prometheus is told, part by part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Measured {
    Service(Vitals),
    Interface(Facts),
}

impl Answer for Done {
    fn of(reply: Reply) -> Option<Self> {
        let Reply::Done { notes } = reply else {
            return None;
        };
        Some(Self { notes })
    }
}

impl Answer for Assigned {
    fn of(reply: Reply) -> Option<Self> {
        let Reply::Settings { before, now } = reply else {
            return None;
        };
        Some(Self { before, now })
    }
}

impl Answer for Measured {
    fn of(reply: Reply) -> Option<Self> {
        if let Reply::Vitals(vitals) = reply {
            return Some(Self::Service(*vitals));
        }
        let Reply::Facts(facts) = reply else {
            return None;
        };
        Some(Self::Interface(*facts))
    }
}

/// Says that one kind of reply holds a value of one type.
macro_rules! answer {
    ($type:ty, $kind:ident) => {
        impl Answer for $type {
            fn of(reply: Reply) -> Option<Self> {
                let Reply::$kind(held) = reply else {
                    return None;
                };
                Some(*held)
            }
        }
    };
}

answer!(Report, Interface);
answer!(Told, Config);
answer!(Stats, Stats);
answer!(Rehearsal, Rehearsal);
answer!(GroupReport, Group);
answer!(Why, Why);
answer!(Peers, Peers);

#[cfg(test)]
mod tests {
    use super::*;

    fn done(note: &str) -> Reply {
        let notes = vec![note.to_owned()];
        Reply::Done { notes }
    }

    #[test]
    fn only_what_is_wanted_is_taken() {
        let replies = vec![done("a"), Reply::End, done("b")];
        let all = answers::<Done>(replies.clone()).unwrap();
        let notes: Vec<String> = all.into_iter().flat_map(|done| done.notes).collect();
        assert_eq!(notes, ["a", "b"]);
        assert_eq!(answers::<Report>(replies), Ok(Vec::new()));
    }

    #[test]
    fn refusal_is_what_comes_of_all() {
        let reason = "no".to_owned();
        let replies = vec![done("a"), Reply::Refused { reason }];
        assert_eq!(answers::<Done>(replies), Err("no".to_owned()));
    }
}
