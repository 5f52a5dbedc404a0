//! The second model of the rules against the tables of `docs/carp-protocol.md` that it was
//! written from: §2.4, §4.1–§4.7, and what this project does differently.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

#[path = "../model/mod.rs"]
mod model;

mod events;
mod hearing;
mod lives;
mod numbers;
mod ours;

use carp_proto::Family;

use model::{
    Advert, Config, Counter, Dialect, Heard, Input, Interval, Model, Output, PerFamily, State,
};

const SECOND: u64 = 1_000_000;

/// A host of 1/100 with an address of each family.
fn config(dialect: Dialect) -> Config {
    Config {
        dialect,
        interval: Interval::new(1, 100),
        preempt: false,
        demotion: 0,
        addresses: PerFamily { inet: 1, inet6: 1 },
        sources: PerFamily {
            inet: "192.0.2.1".parse().unwrap(),
            inet6: "fe80::1".parse().unwrap(),
        },
    }
}

/// Such a host in BACKUP, at time 0.
fn up(dialect: Dialect) -> Model {
    let mut model = Model::new(config(dialect));
    model.input(0, Input::Up);
    model
}

/// Such a host in MASTER, at time 0.
fn master(dialect: Dialect) -> Model {
    let mut model = up(dialect);
    model.input(0, Input::StateMaster);
    assert_eq!(model.state(), State::Master);
    model
}

fn hear(source: &str, (base, skew): (u8, u8), demote: u8) -> Input {
    Input::Hear(Heard {
        source: source.parse().unwrap(),
        interval: Interval::new(base, skew),
        demote,
        counter: 40,
    })
}

fn adverts(done: &[Output]) -> impl Iterator<Item = Advert> {
    done.iter().filter_map(|output| match output {
        Output::Sent(_, advert) => Some(*advert),
        Output::Went(..) | Output::Sending(..) => None,
    })
}

fn intervals(done: &[Output]) -> Vec<Interval> {
    adverts(done).map(|advert| advert.interval).collect()
}

/// An advert of [`config`] as [`without_counters`] has it.
fn sent(at: u64, family: Family) -> Output {
    let advert = Advert {
        family,
        interval: Interval::new(1, 100),
        demote: 0,
        counter: Counter::Constant,
    };
    Output::Sent(at, advert)
}

fn without_counters(mut done: Vec<Output>) -> Vec<Output> {
    for output in &mut done {
        if let Output::Sent(_, advert) = output {
            advert.counter = Counter::Constant;
        }
    }
    done
}
