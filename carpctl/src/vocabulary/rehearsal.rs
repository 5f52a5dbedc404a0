//! What a command would do, without doing it: `carpctl -n`.
//!
//! Compares what an interface is told to be before and after, and says whether an election would
//! follow. The control knows where the interface stands and asks here: that of the service or, where
//! none runs, one on a [`Stage`](crate::clients::stage::Stage).

use std::cmp::Ordering;
use std::fmt;

use carp_net::carp_fsm::carp_proto::VirtualAddress;
use carp_net::carp_fsm::{LinkState, State};
use serde::{Deserialize, Serialize};

use crate::vocabulary::change::StateWish;
use crate::vocabulary::config::Config;
use crate::vocabulary::details::{self, filled_within};

mod difference;
use difference::{Difference, differences};

/// What a command would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rehearsal {
    /// What would change, one thing each.
    pub(crate) changes: Vec<Difference>,
    pub(crate) election: Election,
    /// What the operator would be told.
    pub(crate) notes: Vec<String>,
}

/// Whether a command would begin an election, end the part of this node in one, or move mastership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Election {
    pub(crate) follows: Follows,
    pub(crate) why: String,
}

/// Whether an election follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Follows {
    Yes,
    No,
    /// What is told to other nodes decides it, and that is not known here.
    Maybe,
}

/// What an interface is told to be before and after a change, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// Nothing where it is not there.
    pub(crate) before: Option<&'a Config>,
    pub(crate) after: &'a Config,
    /// Where the election of the interface is, once it has one.
    pub(crate) state: Option<State>,
    /// What the carpdev is like that it is to be on.
    pub(crate) link: LinkState,
    /// Whether this node takes over where it is better than the master. Whether the others do is told
    /// to them alone.
    pub(crate) preempt: bool,
    /// What is wished of the election beside the change.
    pub(crate) wish: Option<StateWish>,
    /// Whether what `state backup' began holds it back.
    pub(crate) hold: Hold,
}

/// Whether an interface is held back by what `state backup` began, and what becomes of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    None,
    Stays,
    /// `up` ends it.
    Ends,
}

impl Rehearsal {
    /// What would come of `scene`.
    pub(crate) fn of(scene: Scene<'_>, notes: Vec<String>) -> Self {
        Self {
            changes: differences(scene.before, scene.after),
            election: Election::of(scene),
            notes,
        }
    }

    /// What would come of destroying an interface whose election is in `state`.
    pub(crate) fn of_destroy(state: Option<State>, notes: Vec<String>) -> Self {
        Self {
            changes: vec![Difference::existence("there", "destroyed")],
            election: Election::of_leaving(state),
            notes,
        }
    }
}

/// Lines for a terminal.
impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        writeln!(f, "{}", self.election)
    }
}

impl fmt::Display for Election {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let follows = match self.follows {
            Follows::Yes => "yes",
            Follows::No => "no",
            Follows::Maybe => "maybe",
        };
        let text = filled_within(COLUMNS, "election: ", &format!("{follows}: {}", self.why));
        f.write_str(text.trim_end())
    }
}

impl Election {
    fn yes(why: impl Into<String>) -> Self {
        Self {
            follows: Follows::Yes,
            why: why.into(),
        }
    }

    fn no(why: impl Into<String>) -> Self {
        Self {
            follows: Follows::No,
            why: why.into(),
        }
    }

    /// What a virtual host leaves that goes or is taken down.
    fn of_leaving(state: Option<State>) -> Self {
        match state {
            Some(State::Master) => Self::yes("it is MASTER, bows out and hands over"),
            Some(State::Backup) => Self::yes("it is BACKUP, and stands by no more"),
            Some(State::Init) | None => Self::no("it takes no part"),
        }
    }

    fn of(scene: Scene<'_>) -> Self {
        let Scene { before, after, .. } = scene;
        let Some((carpdev, host)) = after.host() else {
            return Self::no("it takes no part without a vhid and a carpdev");
        };
        let was = before.and_then(Config::host);
        let was_up = before.is_some_and(|before| before.up);
        match (was, was_up, after.up) {
            (Some(_), true, false) => return Self::of_leaving(scene.state),
            (_, _, false) => return Self::no("it is down"),
            (None, _, true) => return Self::beginning(scene, carpdev, "it begins to take part"),
            (Some(_), false, true) => {
                return Self::beginning(scene, carpdev, "it takes part again");
            }
            (Some((link, old)), true, true) => {
                if link != carpdev || old.begins_anew_as(&host) {
                    return Self::anew(scene, carpdev);
                }
            }
        }
        match (scene.wish, scene.state) {
            (Some(StateWish::Master), Some(State::Backup)) => Self::yes(format!("it {TAKES_OVER}")),
            (Some(StateWish::Backup), Some(State::Master)) => {
                Self::yes(format!("it hands over and {HOLDS}"))
            }
            (Some(StateWish::Backup), Some(State::Backup)) => {
                Self::no(format!("it goes on as BACKUP, and {HOLDS}"))
            }
            _ => Self::going_on(scene),
        }
    }

    /// Where this node begins none: what the others make of the change.
    fn going_on(scene: Scene<'_>) -> Self {
        let state = match scene.state {
            Some(State::Master) => "MASTER",
            Some(State::Backup) => "BACKUP",
            Some(State::Init) | None => "INIT",
        };
        let held = match scene.hold {
            Hold::None => String::new(),
            Hold::Stays => format!(", and {HOLDS}"),
            Hold::Ends => ", and holds back no more".to_owned(),
        };
        let (follows, of_place) = overtaking(scene).unzip();
        let whys = of_place.into_iter().chain(noticed(scene));
        Self {
            follows: follows.unwrap_or(Follows::No),
            why: whys.fold(format!("it goes on as {state}{held}"), |text, why| {
                format!("{text}; {why}")
            }),
        }
    }

    /// One that `begins` on `carpdev`, as soon as that carries.
    fn beginning(scene: Scene<'_>, carpdev: &str, begins: &str) -> Self {
        if let Some(once) = once_it_carries(scene.link, carpdev) {
            return Self::no(format!("{begins}, as BACKUP, {once}"));
        }
        Self::yes(match scene.wish {
            None => format!("{begins}, as BACKUP"),
            Some(StateWish::Master) => format!("{begins}, and {TAKES_OVER}"),
            Some(StateWish::Backup) => format!("{begins}, as BACKUP, and {HOLDS}"),
        })
    }

    /// One that begins anew on `carpdev`, because of what others hear or because of where it is heard.
    fn anew(scene: Scene<'_>, carpdev: &str) -> Self {
        let Some(before) = scene.before else {
            return Self::beginning(scene, carpdev, "it begins to take part");
        };
        let after = scene.after;
        let mut whys = Vec::new();
        if before.carpdev != after.carpdev {
            whys.push("another carpdev");
        }
        if before.vhid != after.vhid {
            whys.push("another vhid");
        }
        if before.lladdr != after.lladdr {
            whys.push("another lladdr");
        }
        match (before.addresses.is_empty(), after.addresses.is_empty()) {
            (true, false) => whys.push("its first address"),
            (false, true) => whys.push("no address any more"),
            (true, true) | (false, false) => {}
        }
        let leaves = match scene.state {
            Some(State::Master) => "it bows out and ",
            Some(State::Backup | State::Init) | None => "it ",
        };
        let whys = whys.join(" and ");
        let held = match (scene.wish, scene.hold) {
            (None, Hold::Stays) => format!(", and {HOLDS}"),
            (None, Hold::None | Hold::Ends) | (Some(_), _) => String::new(),
        };
        let why = format!("{leaves}begins anew, with {whys}{held}");
        match (once_it_carries(scene.link, carpdev), scene.state) {
            (None, _) => Self::yes(why),
            (Some(once), Some(State::Master | State::Backup)) => {
                Self::yes(format!("{why}, {once}"))
            }
            (Some(once), Some(State::Init) | None) => Self::no(format!("{why}, {once}")),
        }
    }
}

/// What is waited for where `carpdev` carries nothing.
fn once_it_carries(link: LinkState, carpdev: &str) -> Option<String> {
    let lacks = match link {
        LinkState::Up => return None,
        LinkState::Down => "up",
        LinkState::Absent => "there and up",
    };
    Some(format!("once {carpdev} is {lacks}"))
}

/// `carpctl netstart -n` writes `# ` before each line.
const COLUMNS: usize = details::COLUMNS - 2;

const TAKES_OVER: &str = "takes over; of two masters the one with the smaller interval stays";
const HOLDS: &str = "holds back until `state master', `up', or the other master is lost";

/// Who may overtake whom because of another interval, if anybody: who preempts is told to each node
/// alone.
fn overtaking(scene: Scene<'_>) -> Option<(Follows, &'static str)> {
    match (scene.state?, scene.hold, scene.preempt) {
        (State::Backup, Hold::Stays, _) => return None,
        (State::Backup, Hold::Ends, true) => {
            return Some((
                Follows::Maybe,
                "it takes over where its interval is smaller than the master's (preempt), or the \
                 master is demoted further",
            ));
        }
        (State::Backup, Hold::Ends, false) => {
            return Some((
                Follows::Maybe,
                "it does not preempt, but takes over where the master is demoted further",
            ));
        }
        (State::Backup, Hold::None, _) | (State::Init | State::Master, _, _) => {}
    }
    let interval = |config: &Config| config.host().map(|(_, host)| host.interval());
    let was = interval(scene.before?)?;
    match (scene.state?, interval(scene.after)?.cmp(&was)) {
        (State::Master, Ordering::Greater) => Some((
            Follows::Maybe,
            "a node that then has a smaller interval takes over where that node preempts",
        )),
        (State::Backup, Ordering::Less) if scene.preempt => Some((
            Follows::Maybe,
            "it takes over where its interval is then smaller than the master's (preempt)",
        )),
        (State::Backup, Ordering::Less) => Some((
            Follows::No,
            "it does not preempt, and waits until the master is lost",
        )),
        _ => None,
    }
}

/// What else the other nodes notice.
fn noticed(scene: Scene<'_>) -> Vec<&'static str> {
    let Some(before) = scene.before else {
        return Vec::new();
    };
    let after = scene.after;
    let ips = |config: &Config| {
        let mut all: Vec<_> = config.addresses.iter().map(VirtualAddress::ip).collect();
        all.sort_unstable();
        all
    };
    let mut all = Vec::new();
    if before.key != after.key {
        all.push("nodes with different passwords do not hear each other: all become master");
    }
    if ips(before) != ips(after) {
        all.push("the other nodes need the same addresses within five minutes");
    }
    if before.peers().ne(after.peers()) {
        all.push("a node that hears no adverts any more becomes master");
    }
    all
}

#[cfg(test)]
mod tests;
