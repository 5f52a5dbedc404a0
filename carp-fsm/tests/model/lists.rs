//! The address lists before the last changes (ours 12).

use carp_proto::Family;

use super::inputs::PerFamily;

/// How long a list before a change counts.
const COUNTS_FOR: u64 = 300_000_000;

/// How many do at once.
const MOST: usize = 32;

/// Oldest first: how many addresses there were, and until when that counts.
#[derive(Debug, Clone, Default)]
pub struct Lists(Vec<(PerFamily<u32>, u64)>);

impl Lists {
    /// A list is changed at `now`; an empty one is not worth remembering, and each only once.
    pub fn change(&mut self, now: u64, before: PerFamily<u32>, after: PerFamily<u32>) {
        self.0
            .retain(|(list, until)| now < *until && ![before, after].contains(list));
        if before != PerFamily::default() {
            self.0.push((before, now));
            for (_, until) in &mut self.0 {
                *until = now + COUNTS_FOR;
            }
        }
        // The oldest one stays: a node that was not changed yet has it.
        while self.0.len() > MOST {
            self.0.remove(1);
        }
    }

    /// Whether one that counts has addresses of the family.
    pub fn have(&self, now: u64, family: Family) -> bool {
        self.counting(now).any(|(list, _)| *list.get(family) > 0)
    }

    /// When every one that has no address of the family has ended.
    pub fn lack_until(&self, now: u64, family: Family) -> Option<u64> {
        let lacking = self
            .counting(now)
            .filter(|(list, _)| *list.get(family) == 0);
        lacking.map(|(_, until)| *until).max()
    }

    fn counting(&self, now: u64) -> impl Iterator<Item = &(PerFamily<u32>, u64)> {
        self.0.iter().filter(move |(_, until)| now < *until)
    }
}
