//! Who held which address when, as its neighbours find it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::Timestamp;

use crate::memory::Lan;

/// A time during which the same machines held an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tenure {
    /// Since when.
    pub since: Timestamp,
    /// Which machines, in order; none where nobody did.
    pub holders: Vec<usize>,
}

/// The tenures of all addresses.
#[derive(Clone, Debug, Default)]
pub struct Tenures(BTreeMap<IpAddr, Vec<Tenure>>);

impl Tenures {
    /// The addresses there are.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.0.keys().copied()
    }

    /// Those of an address, oldest first, each until the next one; none for one that is unknown.
    pub fn of(&self, address: IpAddr) -> &[Tenure] {
        self.0.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Those that last, one for each address.
    pub fn last(&self) -> impl Iterator<Item = (IpAddr, &Tenure)> {
        let all = self.0.iter();
        all.filter_map(|(address, tenures)| Some((*address, tenures.last()?)))
    }

    /// The longest time between `begin` and `end` in which one and the same address was held by
    /// as many machines as `counts`.
    pub fn longest(
        &self,
        begin: Timestamp,
        end: Timestamp,
        counts: impl Fn(usize) -> bool,
    ) -> Duration {
        let addresses = self.0.keys();
        let spans = addresses.flat_map(|address| self.spans(*address, begin, end, &counts));
        spans
            .map(|(from, until)| until - from)
            .max()
            .unwrap_or_default()
    }

    /// The times between `begin` and `end` in which `address` was held by as many machines as
    /// `counts`, each from when until when.
    pub fn spans(
        &self,
        address: IpAddr,
        begin: Timestamp,
        end: Timestamp,
        counts: impl Fn(usize) -> bool,
    ) -> Vec<(Timestamp, Timestamp)> {
        let tenures = self.of(address);
        let ends = tenures.iter().skip(1).map(|next| next.since).chain([end]);
        let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (tenure, until) in tenures.iter().zip(ends) {
            let (from, until) = (tenure.since.max(begin), until.min(end));
            if !counts(tenure.holders.len()) || until <= from {
                continue;
            }
            match spans.last_mut().filter(|last| last.1 == from) {
                Some(last) => last.1 = until,
                None => spans.push((from, until)),
            }
        }
        spans
    }

    /// From now on `address` counts.
    pub(super) fn follow(&mut self, address: IpAddr, lan: &Lan) {
        let first = Tenure {
            since: lan.now(),
            holders: lan.holders(address),
        };
        self.0.entry(address).or_insert_with(|| vec![first]);
    }

    /// Notes who holds what.
    pub(super) fn note(&mut self, lan: &Lan) {
        let since = lan.now();
        for (address, tenures) in &mut self.0 {
            let holders = lan.holders(*address);
            if tenures.last().is_none_or(|last| last.holders != holders) {
                tenures.push(Tenure { since, holders });
            }
        }
    }
}
