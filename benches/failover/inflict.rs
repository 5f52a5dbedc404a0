//! What is done to the master, and what is looked at afterwards.

use std::fmt::Write as _;
use std::time::Duration;

use carp_net::lab::Process;

use crate::contender::Act;
use crate::fault::Fault;
use crate::scenario::{PATIENCE, Scenario, Story};
use carp_benches::{CARPDEV, Node, shared_address};
use carp_benches::{Result, pause};

impl Scenario<'_> {
    /// Has the fault happen and waits for what comes of it.
    pub(crate) fn inflict(&self, story: &mut Story) -> Result<()> {
        match self.fault {
            Fault::Down => self.leave(Act::Down, story),
            Fault::Destroy => self.leave(Act::Destroy, story),
            Fault::Terminate => self.leave(Act::Terminate, story),
            Fault::StateBackup => self.leave(Act::StateBackup, story),
            Fault::Preempt => self.preempt(story),
            Fault::KillEngine => self.kill_engine(story),
            Fault::KillAll => self.kill_all(story),
            Fault::FreezeEngine => self.freeze_engine(story),
            Fault::FreezeAll => self.freeze_all(story),
            Fault::LinkLost => self.lose_link(story),
            Fault::PowerLoss => self.lose_power(story),
            Fault::Partition => self.part(story),
            Fault::AddressDeleted => {
                story.mark();
                self.delete_addresses()?;
                self.settle(PEER_WOULD_HAVE)
            }
            Fault::SetDown => self.meddle(story, |one, _, name| ip(one, &["set", name, "down"])),
            Fault::InterfaceDeleted => {
                self.meddle(story, |one, _, name| ip(one, &["delete", name]))
            }
            Fault::MacChanged => self.meddle(story, |one, number, name| {
                let mac = format!("02:00:00:00:77:{number:02}");
                ip(one, &["set", name, "address", &mac])
            }),
            Fault::Inet6Disabled => self.meddle(story, |one, _, name| {
                let setting = format!("net/ipv6/conf/{name}/disable_ipv6");
                Ok(one.host.set_sysctl(&setting, "1")?)
            }),
            Fault::CarpdevDeleted => self.delete_carpdev(story),
            Fault::CarpdevLate => self.give_carpdev(story),
            Fault::Restart => self.restart(story),
        }
    }

    fn leave(&self, act: Act, story: &mut Story) -> Result<()> {
        story.mark();
        self.contender.act(&self.net.one, act)?;
        self.wait_until_master(&self.net.two)?;
        self.settle(ANNOUNCED)?;
        story.check("the peer is master", self.is_alone(&self.net.two));
        Ok(())
    }

    fn preempt(&self, story: &mut Story) -> Result<()> {
        story.mark();
        self.contender.start(&self.net.one, self.fault)?;
        self.wait_until_master(&self.net.one)?;
        self.settle(Duration::from_secs(5))?;
        story.check("it is master", self.is_alone(&self.net.one));
        Ok(())
    }

    fn kill_engine(&self, story: &mut Story) -> Result<()> {
        let engine = self.contender.engine(&self.net.one)?;
        story.mark();
        engine.kill()?;
        self.settle(PEER_WOULD_HAVE)?;
        let again = self.contender.engine(&self.net.one);
        let is_new = |new: Process| new.pid() != engine.pid();
        story.check("runs again", again.is_ok_and(is_new));
        Ok(())
    }

    fn kill_all(&self, story: &mut Story) -> Result<()> {
        let processes = self.contender.processes(&self.net.one)?;
        story.mark();
        for process in &processes {
            process.kill()?;
        }
        self.settle(EXPIRED)?;
        story.check("gone by itself", self.is_alone(&self.net.two));
        Ok(())
    }

    fn freeze_engine(&self, story: &mut Story) -> Result<()> {
        let engine = self.contender.engine(&self.net.one)?;
        story.mark();
        engine.freeze()?;
        let slept = pause(LONG);
        // It may have been ended, and another one started, meanwhile.
        engine.thaw()?;
        slept?;
        self.settle(PEER_WOULD_HAVE)
    }

    fn freeze_all(&self, story: &mut Story) -> Result<()> {
        let processes = self.contender.processes(&self.net.one)?;
        story.mark();
        for process in &processes {
            process.freeze()?;
        }
        let slept = pause(LONG);
        story.mark();
        for process in &processes {
            process.thaw()?;
        }
        slept?;
        self.settle(PEER_WOULD_HAVE)
    }

    fn lose_link(&self, story: &mut Story) -> Result<()> {
        let (lab, one) = (&self.net.lab, &self.net.one);
        story.mark();
        lab.cut(one.host.name())?;
        self.settle(PEER_WOULD_HAVE)?;
        story.mark();
        lab.mend(one.host.name())?;
        self.wait_until_master(&self.net.one)?;
        self.settle(ANNOUNCED)?;
        story.check("it is master again", self.is_alone(one));
        Ok(())
    }

    fn lose_power(&self, story: &mut Story) -> Result<()> {
        let processes = self.contender.processes(&self.net.one)?;
        story.mark();
        self.net.lab.cut(self.net.one.host.name())?;
        for process in &processes {
            process.kill()?;
        }
        self.settle(PEER_WOULD_HAVE)
    }

    /// Parts the nodes from each other, not from the client, and lets them meet again.
    fn part(&self, story: &mut Story) -> Result<()> {
        let nodes = [&self.net.one, &self.net.two];
        story.mark();
        for node in nodes {
            self.net.lab.part(node.host.name(), true)?;
        }
        pause(LONG)?;
        story.mark();
        for node in nodes {
            self.net.lab.part(node.host.name(), false)?;
        }
        self.settle(PEER_WOULD_HAVE)
    }

    /// Has another program delete all shared addresses of the master with one command.
    fn delete_addresses(&self) -> Result<()> {
        let one = &self.net.one;
        let mut batch = String::new();
        for &family in self.contender.families() {
            let name = self.contender.interface(family);
            let shown = one.run("ip", &format!("-oneline address show dev {name}"))?;
            let address = format!("{}/", shared_address(family));
            let mut words = shown.split_whitespace();
            let with_length = words.find(|word| word.starts_with(&address));
            let address = with_length.ok_or("the master has no address to delete")?;
            writeln!(batch, "address delete {address} dev {name}")?;
        }
        let file = one.file("batch");
        std::fs::write(&file, batch)?;
        one.run("ip", &format!("-batch {}", file.display()))?;
        Ok(())
    }

    /// Has another program do something to each interface with shared addresses of the master.
    fn meddle(
        &self,
        story: &mut Story,
        harm: impl Fn(&Node, usize, &str) -> Result<()>,
    ) -> Result<()> {
        let families = self.contender.families().iter();
        let mut names: Vec<&str> = families.map(|it| self.contender.interface(*it)).collect();
        names.dedup();
        story.mark();
        for (number, name) in names.into_iter().enumerate() {
            harm(&self.net.one, number, name)?;
        }
        self.settle(PEER_WOULD_HAVE)?;
        let shown = self.contender.shows(&self.net.one)?;
        story.check("reason shown", shown.contains(BY_ANOTHER));
        Ok(())
    }

    fn delete_carpdev(&self, story: &mut Story) -> Result<()> {
        story.mark();
        self.net.lab.remove_interface(&self.net.one.host)?;
        self.settle(PEER_WOULD_HAVE)?;
        self.give_carpdev(story)
    }

    fn give_carpdev(&self, story: &mut Story) -> Result<()> {
        let one = &self.net.one;
        let line = self.state_line()?;
        let absent = format!("carpdev {CARPDEV} (absent)");
        story.check(
            "shows (absent)",
            line.contains("INIT") && line.contains(&absent),
        );
        story.mark();
        self.net.give_carpdev(one)?;
        self.settle(PEER_WOULD_HAVE)?;
        let line = self.state_line()?;
        story.check(
            "comes back",
            line.contains("BACKUP") && !line.contains(&absent),
        );
        Ok(())
    }

    fn restart(&self, story: &mut Story) -> Result<()> {
        let before = self.contender.processes(&self.net.one)?;
        story.mark();
        self.contender.act(&self.net.one, Act::Restart)?;
        self.settle(PEER_WOULD_HAVE)?;
        let after = self.contender.processes(&self.net.one)?;
        let is_old = |new: &Process| before.iter().any(|old| old.pid() == new.pid());
        story.check("the new program runs", !after.iter().all(is_old));
        Ok(())
    }

    /// Waits until a node holds every address; one that does not in time is seen later.
    fn wait_until_master(&self, node: &Node) -> Result<()> {
        for &family in self.contender.families() {
            node.wait_for(family, true, PATIENCE)?;
        }
        Ok(())
    }

    /// What node one says of its state, where the contender has a line for it.
    fn state_line(&self) -> Result<String> {
        let shown = self.contender.shows(&self.net.one)?;
        let line = shown.lines().find(|line| line.contains("carp: "));
        Ok(line.unwrap_or_default().to_owned())
    }
}

/// `ip link` with these words, as another program would run it.
fn ip(node: &Node, words: &[&str]) -> Result<()> {
    node.run("ip", &format!("link {}", words.join(" ")))?;
    Ok(())
}

/// The same after two adverts more.
const ANNOUNCED: Duration = Duration::from_millis(3_000);
/// A peer that hears nothing would have taken over, and lost what it loses then.
const PEER_WOULD_HAVE: Duration = Duration::from_millis(4_800);
/// The kernel has taken away what nobody has renewed.
const EXPIRED: Duration = Duration::from_millis(7_000);
/// How long the long faults are.
const LONG: Duration = Duration::from_secs(10);
/// In the words that this project has for it.
const BY_ANOTHER: &str = "by another program";
