//! What can go wrong in a cluster, and right again.

use std::time::Duration;

use carp_net::carp_fsm::{Command, Damage, LinkState, TakenDown};
use carp_net::memory::Harm;

use crate::cluster::Cluster;
use crate::member::Member;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The engine is killed, nothing else: its supervisor begins another.
    Kill(usize),
    /// Another engine begins with what the one before has left.
    Resume(usize),
    /// A service begins that knows nothing of any before.
    Begin(usize),
    /// `carpctl restart`: everything is saved and handed to another process after this long.
    Restart(usize, Duration),
    /// SIGSTOP, or SIGCONT.
    Pause(usize, bool),
    Link(usize, LinkState),
    PowerOff(usize),
    Cut(usize, usize, bool),
    /// What another program does to carp0.
    Harm(usize, Harm),
    Command(usize, Command),
    /// `destroy`.
    Destroy(usize),
    /// SIGTERM of the service.
    Stop(usize),
    Demote(usize, i32),
    /// So many of a million packets are lost.
    Loss(u32),
    /// Packets take from nothing to this long, so that they overtake each other.
    Delay(Duration),
}

impl Cluster {
    /// Makes `fault` happen after `span`.
    pub(crate) fn after(&mut self, span: Duration, fault: Fault) {
        self.later.push((self.now() + span, fault));
    }

    pub(crate) fn suffer(&mut self, fault: Fault) {
        self.note(None, format!("--- {fault:?}"));
        self.disturbed();
        match fault {
            Fault::Kill(node) => {
                // A last sign of life, after what was saved.
                let last_alive = self.lan.now() + Duration::from_micros(1);
                self.members[node].end(last_alive);
            }
            Fault::Resume(node) => {
                if self.members[node].driver.is_none() {
                    let backend = self.lan.node_again(node);
                    self.members[node].resume(backend, &self.setting);
                }
            }
            Fault::Begin(node) => {
                if self.members[node].driver.is_none() {
                    let linked = self.members[node].linked;
                    let backend = self.lan.node_again(node);
                    self.members[node] = Member::fresh(&self.lan, backend, &self.setting);
                    self.members[node].linked = linked;
                }
            }
            Fault::Restart(node, span) => {
                let member = &mut self.members[node];
                if member.driver.is_some() && !member.paused {
                    member.save();
                    member.end(self.lan.now());
                    self.watch.nodes[node].sign = self.lan.now() + span;
                    self.after(span, Fault::Resume(node));
                }
            }
            Fault::Pause(node, paused) => {
                let member = &mut self.members[node];
                if member.driver.is_some() && member.paused != paused {
                    member.paused = paused;
                    member.last_alive = self.lan.now();
                    self.lan.set_paused(node, paused);
                }
            }
            Fault::Link(node, state) => {
                self.members[node].linked = state == LinkState::Up;
                self.lan.set_link(node, "vmx0", state);
            }
            Fault::PowerOff(node) => {
                self.members[node].end(self.lan.now());
                self.members[node].forget();
                self.lan.power_off(node);
            }
            Fault::Cut(one, other, cut) => {
                let pair = (one.min(other), one.max(other));
                if cut && one != other {
                    self.cut.insert(pair);
                } else {
                    self.cut.remove(&pair);
                }
                self.lan.set_cut(one, other, cut && one != other);
            }
            Fault::Harm(node, harm) => {
                let takes = [
                    Harm::TakeDown(TakenDown::SetDown),
                    Harm::TakeDown(TakenDown::Deleted),
                    Harm::Damage(Damage::LinkAddress),
                ];
                self.watch.nodes[node].robbed |= takes.contains(&harm);
                self.lan.harm(node, "carp0", harm);
            }
            Fault::Command(node, command) => {
                let member = &mut self.members[node];
                if let Some(driver) = member.driver.as_mut().filter(|_| !member.paused) {
                    // One that was destroyed has nobody to command.
                    driver.command(member.id, command).unwrap_or_default();
                }
            }
            Fault::Destroy(node) => {
                let member = &mut self.members[node];
                if let Some(driver) = member.driver.as_mut().filter(|_| !member.paused) {
                    driver.remove(member.id).unwrap_or_default();
                }
            }
            Fault::Stop(node) => {
                let member = &mut self.members[node];
                if let Some(driver) = member.driver.as_mut().filter(|_| !member.paused) {
                    driver.stop();
                }
            }
            Fault::Demote(node, amount) => {
                let member = &mut self.members[node];
                if let Some(driver) = member.driver.as_mut().filter(|_| !member.paused) {
                    driver.demote("carp", "test", amount);
                }
            }
            Fault::Loss(per_million) => {
                self.is_lossy |= per_million > 0;
                self.lan.set_loss(per_million);
            }
            Fault::Delay(most) => {
                self.is_lossy = true;
                self.lan.set_reordering(true);
                self.lan.set_transit(Duration::ZERO, most);
            }
        }
    }
}
