//! What is to happen next, to whom, and beside what else.

use crate::fault::{Fault, Scope};
use crate::schedule::Random;
use crate::seats::{Each, GROUPS, Group, OURS, PEER, SPARED, Seat};

/// A fault that is to happen.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    /// To whom.
    pub(crate) seats: Vec<Seat>,
    /// On which of their interfaces.
    pub(crate) groups: Vec<Group>,
    /// What else goes on meanwhile.
    pub(crate) storm: Option<Storm>,
    /// Whose engine is killed at the same time: of a node that is no master.
    pub(crate) crash: Option<Seat>,
}

/// Harm that is done all the while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storm {
    /// Forged adverts, to all.
    Forgery,
    /// Nonsense, to the control socket of the node that a fault happens to.
    Nonsense,
}

impl Fault {
    /// What it is itself, where it is one.
    fn storm(self) -> Option<Storm> {
        let storms = [
            (Self::ForgedAdverts, Storm::Forgery),
            (Self::SocketAbuse, Storm::Nonsense),
        ];
        let mut storms = storms.into_iter();
        storms
            .find(|(fault, _)| *fault == self)
            .map(|(_, storm)| storm)
    }
}

/// The nodes of each group, best first: the first one is its master.
#[derive(Clone, Debug)]
pub(crate) struct Rankings(pub(crate) Each<Vec<Seat>>);

impl Rankings {
    fn of(&self, group: Group) -> impl Iterator<Item = Seat> {
        self.0.get(group.index()).into_iter().flatten().copied()
    }

    fn master(&self, group: Group) -> Option<Seat> {
        self.of(group).next()
    }

    fn is_master(&self, seat: Seat) -> bool {
        GROUPS
            .into_iter()
            .any(|group| self.master(group) == Some(seat))
    }
}

impl Plan {
    /// Chooses to whom a fault happens, three times out of four to the master; `None` where it cannot
    /// happen to them yet. `may_start_again` is asked whether an engine that ends would be replaced.
    pub(crate) fn choose(
        rankings: &Rankings,
        random: &mut Random,
        fault: Fault,
        mut may_start_again: impl FnMut(Seat) -> bool,
    ) -> Option<Self> {
        let scope = fault.row().scope;
        let may_befall = |seat: &Seat| *seat != SPARED || !fault.ends_processes();
        let possible: Vec<Seat> = (0..OURS).filter(may_befall).collect();
        // Where the master of one group is spared, that of another one is not.
        let mut groups = GROUPS.to_vec();
        groups.retain(|group| rankings.master(*group).as_ref().is_some_and(may_befall));
        groups.retain(|group| *group != Group::Plain || scope != Scope::Macvlan);
        let any = random.one_of(&groups).or_else(|| random.one_of(&GROUPS))?;
        let group = match scope {
            Scope::Carp0 => Group::Ours,
            Scope::Peer => Group::Mixed,
            Scope::Node | Scope::Interface | Scope::Macvlan | Scope::Two | Scope::Everybody => any,
        };
        let seats = match scope {
            Scope::Peer => vec![PEER],
            Scope::Everybody => (0..=OURS).collect(),
            Scope::Two => {
                let ranking = rankings.of(group);
                ranking
                    .filter(|seat| possible.contains(seat))
                    .take(2)
                    .collect()
            }
            Scope::Node | Scope::Interface | Scope::Macvlan | Scope::Carp0 => {
                let master = rankings.master(group);
                let master = master.filter(|seat| possible.contains(seat));
                let anybody = random.one_of(&possible)?;
                vec![master.filter(|_| !random.once_in(4)).unwrap_or(anybody)]
            }
        };
        let groups = match scope {
            Scope::Node | Scope::Two | Scope::Everybody => GROUPS.to_vec(),
            Scope::Interface | Scope::Macvlan | Scope::Carp0 | Scope::Peer => vec![group],
        };
        if fault.costs_a_start() && !seats.iter().all(|seat| may_start_again(*seat)) {
            return None;
        }
        let storms = [Storm::Forgery, Storm::Nonsense];
        let storm = random.one_of(&storms).filter(|_| random.once_in(4));
        let storm = fault.storm().or(storm);
        let crash = Some(random.below(OURS)).filter(|_| random.once_in(4));
        let crash = crash
            .filter(|seat| *seat != SPARED && !seats.contains(seat) && !rankings.is_master(*seat))
            .filter(|seat| may_start_again(*seat));
        Some(Self {
            fault,
            seats,
            groups,
            storm,
            crash,
        })
    }
}
