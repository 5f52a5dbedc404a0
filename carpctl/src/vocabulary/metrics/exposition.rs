//! The text of one scrape, made piece by piece: with thousands of interfaces it is megabytes, and
//! the election does not wait for it.

use std::collections::BTreeMap;

use super::facts::{Facts, Vitals};
use super::families::{self, Family, Of};
use super::samples::Samples;
use crate::vocabulary::name::PREFIX;

/// What is to be told, and how much of it is text already.
#[derive(Debug)]
pub(crate) struct Exposition {
    vitals: Option<Vitals>,
    groups: BTreeMap<String, i32>,
    interfaces: Vec<Facts>,
    /// The family whose turn it is.
    family: usize,
    /// How many of those that it can be told of were looked at.
    subject: usize,
    described: bool,
}

impl Exposition {
    /// What there is to tell of a service; `None` where there is none. Its interfaces are added.
    pub(crate) fn new(vitals: Option<Vitals>) -> Self {
        let carp = vitals.as_ref().map(|it| it.settings.demotion);
        Self {
            groups: carp.map(|it| (PREFIX.to_owned(), it)).into_iter().collect(),
            vitals,
            interfaces: Vec::new(),
            family: 0,
            subject: 0,
            described: false,
        }
    }

    /// Adds an interface.
    pub(crate) fn add(&mut self, facts: Facts) {
        for (group, demotion) in &facts.groups {
            // Most have been seen before.
            if !self.groups.contains_key(group) {
                self.groups.insert(group.clone(), *demotion);
            }
        }
        self.interfaces.push(facts);
    }

    /// Adds to `text` until it has `enough` bytes or a little more. Returns whether more is to come.
    pub(crate) fn write(&mut self, text: &mut String, enough: usize) -> bool {
        while let Some(family) = families::families().get(self.family) {
            if text.len() >= enough {
                return true;
            }
            if !self.write_next(family, text) {
                self.family += 1;
                self.subject = 0;
                self.described = false;
            }
        }
        false
    }

    /// All of the text.
    pub(crate) fn text(mut self) -> String {
        let mut text = String::new();
        while self.write(&mut text, usize::MAX) {}
        text
    }

    /// Writes what `family` has of the next subject, if there is one.
    fn write_next(&mut self, family: &Family, text: &mut String) -> bool {
        let samples = &mut Samples::new(text, family, &mut self.described);
        let at = self.subject;
        let vitals = self.vitals.as_ref().filter(|_| at == 0);
        let found = match family.of {
            Of::Program(tell) => (at == 0).then(|| tell(self.vitals.as_ref(), samples)),
            Of::Service(tell) => vitals.map(|vitals| tell(vitals, samples)),
            Of::ServiceCounters(metric) => {
                vitals.map(|vitals| families::count(metric, &[], &vitals.counters, samples))
            }
            Of::Groups(tell) => {
                // Few, and in one go: a map has no place to go on from.
                let groups = self.groups.iter().filter(|_| at == 0);
                groups.for_each(|(name, demotion)| tell(name, *demotion, samples));
                None
            }
            Of::Interfaces(tell) => self.interfaces.get(at).map(|facts| tell(facts, samples)),
            Of::InterfaceCounters(metric) => self.interfaces.get(at).map(|facts| {
                families::count(metric, &[&facts.name], &facts.counters, samples);
            }),
        };
        self.subject += 1;
        found.is_some()
    }
}
