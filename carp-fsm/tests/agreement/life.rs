//! A life that the engine and the model live side by side.

use std::fmt::Write as _;

use carp_fsm::Ailment;
use carp_fsm::carp_proto::Family;

use crate::model::plan::Step;
use crate::model::{Advert, Config, Counter, Dialect, Input, Link, Model, Output, PerFamily, Row};
use crate::{Coverage, Engine, Signatures};

/// Both, and what both of them must know of the node around the host.
#[derive(Debug)]
pub(crate) struct Life<'a> {
    model: Model,
    engine: Engine,
    signatures: &'a mut Signatures,
    pub(crate) coverage: Coverage,
    dialect: Dialect,
    /// What others add to the demotion.
    demotion: i32,
    up: bool,
    link: Link,
    /// Whether sending over a family fails, by the model.
    fails: PerFamily<bool>,
    /// What happened and what both did about it, where that is wanted.
    pub(crate) told: Option<String>,
}

/// Engine and model differ; what in, the trace tells.
#[derive(Debug)]
pub(crate) struct Disagreement;

impl<'a> Life<'a> {
    /// The model as `config` says, and an engine that speaks `spoken`.
    pub(crate) fn new(config: &Config, spoken: Dialect, signatures: &'a mut Signatures) -> Self {
        Self {
            model: Model::new(config.clone()),
            engine: Engine::new(config, spoken),
            signatures,
            coverage: Coverage::default(),
            dialect: config.dialect,
            demotion: config.demotion,
            up: false,
            link: Link::Up,
            fails: PerFamily::default(),
            told: None,
        }
    }

    /// Has the next thing happen to both.
    pub(crate) fn go_on(&mut self, step: &Step) -> Result<(), Disagreement> {
        let at = self.model.time_after(step.wait);
        let mut engine = self.engine.input(at, step.input, self.signatures);
        let mut model = self.model.input(at, self.for_the_model(step.input));
        let row = self.model.row();
        self.note(step.input, &model);
        let mut agree = row != Some(Row::MasterTies)
            || self
                .engine
                .deadline()
                .is_some_and(|(_, deadline)| self.model.settle_tie(deadline));
        let total = self.demotion + self.own_demotion();
        if !matches!(step.input, Input::Demotion(_)) {
            model.extend(self.model.input(at, Input::Demotion(total)));
        }
        self.coverage.note(&model, row);
        tidy(&mut model);
        tidy(&mut engine);
        agree &= engine == model
            && self.engine.state() == self.model.state()
            && self.engine.deadline() == self.model.deadline()
            && self.engine.ailments() == self.ailments()
            && self.engine.demotion() == total;
        if self.told.is_some() {
            self.tell(at, step.input, row, &engine, &model);
        }
        if agree { Ok(()) } else { Err(Disagreement) }
    }

    /// The model is told the whole demotion.
    fn for_the_model(&self, input: Input) -> Input {
        if let Input::Demotion(amount) = input {
            Input::Demotion(amount + self.own_demotion())
        } else {
            input
        }
    }

    /// What the demotion of the node hangs on (§4.7, §5).
    fn note(&mut self, input: Input, done: &[Output]) {
        self.up = (self.up || input == Input::Up) && input != Input::Down;
        if let Input::Link(link) = input {
            self.link = link;
        }
        if let Input::Demotion(amount) = input {
            self.demotion = amount;
        }
        for output in done {
            if let Output::Sending(_, family, fails) = output {
                *self.fails.get_mut(*family) = *fails;
            }
        }
    }

    /// What the node must add to its demotion: 240 in FreeBSD's dialect, 1 in the others (§4.7).
    fn ailments(&self) -> Vec<(Ailment, i32)> {
        let by = if self.dialect == Dialect::FreeBsd {
            240
        } else {
            1
        };
        let carpdev = self.up && self.link == Link::Down;
        let fails = |family: &Family| *self.fails.get(*family);
        let failing = Family::ALL.into_iter().filter(fails);
        let sending = failing.map(|family| (Ailment::SendErrors(family), by));
        let carpdev = carpdev.then_some((Ailment::Carpdev, by));
        carpdev.into_iter().chain(sending).collect()
    }

    fn own_demotion(&self) -> i32 {
        self.ailments().iter().map(|(_, by)| by).sum()
    }

    fn tell(
        &mut self,
        at: u64,
        input: Input,
        row: Option<Row>,
        engine: &[Output],
        model: &[Output],
    ) {
        let mut text = self.told.take().unwrap_or_default();
        writeln!(text, "{at:>10} {input:?} {row:?}").unwrap();
        let (states, deadlines) = (
            [self.engine.state(), self.model.state()],
            [self.engine.deadline(), self.model.deadline()],
        );
        for (who, state, deadline, done) in [
            ("engine", states[0], deadlines[0], engine),
            ("model", states[1], deadlines[1], model),
        ] {
            writeln!(text, "    {who:>6}: {state:?}, waits for {deadline:?}").unwrap();
            for output in done {
                writeln!(text, "            {output:?}").unwrap();
            }
        }
        let (of_engine, of_model) = (self.engine.ailments(), self.ailments());
        if of_engine != of_model {
            writeln!(
                text,
                "    demoted by {of_engine:?}, should be by {of_model:?}"
            )
            .unwrap();
        }
        self.told = Some(text);
    }
}

/// What can be compared: not the counters of the model, which follow what is heard where those of
/// the engine are constant, and no order of what happens at the same instant.
fn tidy(done: &mut Vec<Output>) {
    done.retain(|output| !matches!(output, Output::Sending(..)));
    for output in done.iter_mut() {
        if let Output::Sent(_, Advert { counter, .. }) = output {
            *counter = Counter::Constant;
        }
    }
    done.sort_by_key(|output| match output {
        Output::Sent(at, _) => (*at, 1),
        Output::Went(at, ..) | Output::Sending(at, ..) => (*at, 0),
    });
}
