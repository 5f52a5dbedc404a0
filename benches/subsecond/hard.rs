//! Power loss of the master: how long until the other node answers.

use std::fmt;
use std::time::Duration;

use carp_benches::{
    Disturbance, FAMILIES, Network, Program, Result, pause, random_below, shared_address,
};
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::{self, Echo, Witness};

use crate::distribution::{Distribution, millis};
use crate::load::{Busy, Load};
use crate::pair::{Pair, Setting, was_sent_by};

/// What is to be measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) setting: Setting,
    pub(crate) busy: Busy,
    pub(crate) runs: u32,
    /// By when the other node must answer; `None`: not limited.
    pub(crate) limit: Option<Duration>,
}

/// What came of one power loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    /// From the fault to the first echo request that the other node answered, in each family.
    pub(crate) answered: [Duration; 2],
    /// From the fault to the first advert of the other node.
    pub(crate) advertised: Duration,
    /// For how long a core of the machine stood still meanwhile, at most.
    pub(crate) stalled: Duration,
    /// For how long a bystander had to wait for the lock of the kernel that a take-over needs.
    pub(crate) waited: Duration,
}

impl Loss {
    fn is_disturbed(&self) -> bool {
        self.stalled > STALLED || self.waited > WAITED
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [inet, inet6] = self.answered.map(millis);
        let advertised = millis(self.advertised);
        write!(
            f,
            "answered after {inet} ms, IPv6 {inet6} ms, advertised after {advertised} ms"
        )?;
        if self.is_disturbed() {
            let (stalled, waited) = (millis(self.stalled), millis(self.waited));
            write!(
                f,
                "; a core stood still for {stalled} ms, rtnl held for {waited} ms"
            )?;
        }
        Ok(())
    }
}

/// What came of all of them.
#[derive(Debug)]
pub(crate) struct Losses {
    pub(crate) plan: Plan,
    pub(crate) losses: Vec<Loss>,
}

impl Losses {
    pub(crate) fn answered(&self, family: Family) -> Distribution {
        let of = |loss: &Loss| {
            let pairs = FAMILIES.into_iter().zip(loss.answered);
            pairs
                .filter(|(found, _)| *found == family)
                .map(|(_, after)| after)
                .max()
        };
        Distribution::of(self.losses.iter().filter_map(of))
    }

    /// How often the machine itself stood still meanwhile, or another program held the lock.
    pub(crate) fn disturbed(&self) -> usize {
        let losses = self.losses.iter();
        losses.filter(|loss| loss.is_disturbed()).count()
    }

    pub(crate) fn advertised(&self) -> Distribution {
        Distribution::of(self.losses.iter().map(|loss| loss.advertised))
    }
}

/// Takes the power from the master again and again; `tell` is told of each.
pub(crate) fn lose_power(
    net: &Network,
    program: &Program,
    plan: Plan,
    mut tell: impl FnMut(&Loss),
) -> Result<Losses> {
    let mut losses = Vec::new();
    for _ in 0..plan.runs {
        let loss = lose_power_once(net, program, plan)?;
        tell(&loss);
        losses.push(loss);
        net.reset()?;
    }
    Ok(Losses { plan, losses })
}

fn lose_power_once(net: &Network, program: &Program, plan: Plan) -> Result<Loss> {
    let pair = Pair::start(net, program, plan.setting)?;
    let load = Load::start(plan.busy)?;
    let mut echoes = Vec::new();
    for family in FAMILIES {
        let echo = net.client.echo(shared_address(family), RATE)?;
        if !echo.wait_for_answers(100, PATIENCE) {
            return Err(format!("{family:?}: the master does not answer").into());
        }
        echoes.push(echo);
    }
    let tap = net.lab.tap_advertisements()?;
    let witness = Witness::start()?;
    let processes = net.one.host.namespace().processes()?;
    // At any moment between two adverts.
    pause(Duration::from_millis(100) + random_below(plan.setting.master_down())?)?;
    let lose = || {
        let fault = lab::now();
        net.lab.cut(net.one.host.name())?;
        for process in &processes {
            process.kill()?;
        }
        let spoke = tap.wait_for(PATIENCE, |frame| was_sent_by(frame, &net.two));
        pause(OUTLASTED)?;
        for echo in &echoes {
            wait_until_answered(echo)?;
        }
        Ok::<_, carp_benches::Error>((fault, spoke))
    };
    let (lost, disturbance) = Disturbance::during(&net.asker, lose)?;
    let (fault, spoke) = lost?;
    let mut answered = [Duration::MAX; 2];
    for (echo, answered) in echoes.into_iter().zip(&mut answered) {
        let report = echo.stop_within(LATE_ANSWERS)?;
        let gaps = report.gaps().into_iter();
        let last = gaps
            .filter(|gap| gap.until > fault)
            .map(|gap| gap.until)
            .max();
        *answered = last.ok_or("no echo was lost: there was no fault")? - fault;
    }
    drop(load);
    let stalls = witness.stop()?.into_iter();
    let after = stalls.filter(|stall| stall.from + stall.length >= fault);
    let spoke = spoke.ok_or_else(|| {
        let said = pair.shows(&net.two).unwrap_or_default();
        format!("node two did not take over: {}", said.trim())
    })?;
    Ok(Loss {
        answered,
        advertised: spoke.time - fault,
        stalled: after.map(|stall| stall.length).max().unwrap_or_default(),
        waited: disturbance.rtnl,
    })
}

/// Waits until nearly every echo is answered.
fn wait_until_answered(echo: &Echo) -> Result<()> {
    let deadline = lab::now() + PATIENCE;
    loop {
        let (sent, received) = echo.progress();
        pause(SAMPLE)?;
        let (sent_since, received_since) = echo.progress();
        // One or two are always on their way.
        if sent_since > sent && received_since - received + 2 >= sent_since - sent {
            return Ok(());
        }
        if lab::now() > deadline {
            return Err("nothing answers any more".into());
        }
    }
}

/// Echo requests a second: what is measured is known to half a millisecond.
const RATE: u32 = 2_000;
/// How long anything may take, also where another program holds the lock of the kernel.
const PATIENCE: Duration = Duration::from_secs(15);
/// Echoes are watched for so long after the take-over.
const OUTLASTED: Duration = Duration::from_millis(500);
const SAMPLE: Duration = Duration::from_millis(50);
/// How long an answer may take.
const LATE_ANSWERS: Duration = Duration::from_millis(200);
/// A core that stands still for longer makes a difference, and so does a lock that others hold for
/// longer than the cut itself does.
const STALLED: Duration = Duration::from_millis(5);
const WAITED: Duration = Duration::from_millis(10);
