//! The service's side of its supervisor: what it leaves to a successor, the beats, the restart.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::supervisor::{Message, Supervised};

use super::records::{InterfaceRecord, Left, Legacy, SERVICE, ServiceRecord, decode, encode};
use crate::server::notify::{self, Condition, Notifier};
use crate::vocabulary::name::InterfaceName;

/// What keeps the service running, if anything does, and who else wants to know how it is.
#[derive(Debug)]
pub(crate) struct Keeper {
    supervised: Option<Supervised>,
    /// When the next beat is due.
    beat: Timestamp,
    /// From when on it comes earlier where the loop goes round for something else, so
    /// that it seldom has to for this alone.
    early_beat: Timestamp,
    /// Up to when records were saved anew, changed or not.
    refreshed: Timestamp,
    /// The descriptors of the platform that are kept, as they were then.
    descriptors: Vec<(String, RawFd)>,
    /// Whether what a former service left, and this one has not taken over, is still kept.
    unsettled: Option<Timestamp>,
    restart: Restart,
    /// The way to the service manager, where the supervisor is not in between.
    notifier: Option<Notifier>,
    /// Whether there is a service manager.
    is_managed: bool,
}

/// How far a restart has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    No,
    /// The supervisor was asked, and has until then to answer.
    Asked(Timestamp),
    Granted,
}

/// What is to be done about a restart that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    Go,
    Refuse(&'static str),
}

impl Keeper {
    /// The service's side of `supervised`; without it `notifier` is told how the service is, and
    /// everything else here does nothing.
    pub(crate) fn new(supervised: Option<Supervised>, notifier: Option<Notifier>) -> Self {
        let is_managed = match &supervised {
            Some(_) => notify::is_wanted(),
            None => notifier.is_some(),
        };
        Self {
            supervised,
            beat: Timestamp::ZERO,
            early_beat: Timestamp::ZERO,
            refreshed: Timestamp::ZERO,
            descriptors: Vec::new(),
            unsettled: None,
            restart: Restart::No,
            notifier,
            is_managed,
        }
    }

    // ---- what the service before this one left ----

    /// When that one was alive the last time.
    pub(crate) fn last_alive(&self) -> Option<Timestamp> {
        self.supervised.as_ref()?.last_alive()
    }

    /// A descriptor that it left.
    pub(crate) fn take_descriptor(&mut self, name: &str) -> Option<OwnedFd> {
        self.supervised.as_mut()?.take_descriptor(name)
    }

    /// All other descriptors that it left, by their names.
    pub(crate) fn take_descriptors(&mut self) -> Vec<(String, OwnedFd)> {
        let Some(supervised) = &mut self.supervised else {
            return Vec::new();
        };
        let names: Vec<String> = supervised.descriptor_names().map(str::to_owned).collect();
        names
            .into_iter()
            .filter_map(|name| Some((name.clone(), supervised.take_descriptor(&name)?)))
            .collect()
    }

    /// What it knew. An interface whose record cannot be read is left out.
    pub(crate) fn take_legacy(&mut self) -> Option<Legacy> {
        let supervised = self.supervised.as_mut()?;
        let record = supervised.take_record(SERVICE)?;
        let service: ServiceRecord = match decode(&record) {
            Ok(service) => service,
            Err(error) => {
                tracing::error!("{SERVICE}: {error}");
                return None;
            }
        };
        let names: Vec<String> = supervised.record_names().map(str::to_owned).collect();
        let mut interfaces = BTreeMap::new();
        for name in names {
            let Ok(interface) = name.parse::<InterfaceName>() else {
                continue; // of a newer program
            };
            let Some(bytes) = supervised.take_record(&name) else {
                continue;
            };
            let record = decode::<InterfaceRecord>(&bytes).map_err(|error| error.to_string());
            let told = record.and_then(|record| {
                let config = record.config().map_err(|error| error.to_string())?;
                Ok(Left {
                    config,
                    host: record.host,
                    told: record.told,
                })
            });
            match told {
                Ok(told) => {
                    interfaces.insert(interface, told);
                }
                Err(error) => tracing::error!("{name}: {error}"),
            }
        }
        Some(Legacy {
            service,
            interfaces,
        })
    }

    // ---- what this one leaves ----

    /// Has a descriptor kept.
    pub(crate) fn keep(&mut self, name: &str, descriptor: impl AsFd) -> carp_net::Result<()> {
        match &mut self.supervised {
            Some(supervised) => supervised.keep(name, descriptor),
            None => Ok(()),
        }
    }

    /// Has the descriptors of the platform kept, as they are at `now`, and no others.
    pub(super) fn keep_all(&mut self, now: Timestamp, descriptors: &[(String, BorrowedFd<'_>)]) {
        let Some(supervised) = &mut self.supervised else {
            return;
        };
        let current = descriptors.iter();
        let current: Vec<_> = current
            .map(|(name, descriptor)| (name.clone(), descriptor.as_raw_fd()))
            .collect();
        if current != self.descriptors {
            for ((name, descriptor), entry) in descriptors.iter().zip(&current) {
                if !self.descriptors.contains(entry)
                    && let Err(error) = supervised.keep(name, descriptor)
                {
                    tracing::warn!("{error}");
                }
            }
            for (name, _) in &self.descriptors {
                if !current.iter().any(|(kept, _)| kept == name) {
                    supervised.forget_descriptor(name);
                }
            }
            self.descriptors = current;
        }
        if now >= *self.unsettled.get_or_insert(now + SETTLED) {
            self.unsettled = Some(Timestamp::from_micros(u64::MAX));
            supervised.settle();
        }
    }

    /// Has the record of an interface kept, or none where it has gone.
    pub(super) fn save_interface(&mut self, name: InterfaceName, record: Option<&InterfaceRecord>) {
        match record {
            Some(record) => self.save(&name.to_string(), record),
            None => {
                if let Some(supervised) = &mut self.supervised {
                    supervised.forget(&name.to_string());
                }
            }
        }
    }

    /// Has the record of everything else kept.
    pub(super) fn save_service(&mut self, record: &ServiceRecord) {
        self.save(SERVICE, record);
    }

    /// Whether anybody wants to be told how the service is.
    pub(super) const fn is_managed(&self) -> bool {
        self.is_managed
    }

    /// Has the service manager told, by the supervisor where there is one, how the service is.
    pub(super) fn tell(&mut self, condition: &Condition) {
        let datagram = condition.datagram();
        if let Some(supervised) = &mut self.supervised
            && let Err(error) = supervised.save(CONDITION, datagram.as_bytes())
        {
            tracing::warn!("{error}");
        }
        if let Some(notifier) = &mut self.notifier {
            notifier.tell(&datagram);
        }
    }

    fn save(&mut self, name: &str, record: &impl serde::Serialize) {
        let Some(supervised) = &mut self.supervised else {
            return;
        };
        let saved = match encode(record) {
            Ok(bytes) => supervised.save(name, &bytes).map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = saved {
            tracing::error!("{name} would be lost in a crash: {error}");
        }
    }

    /// Whether anybody keeps what is saved.
    pub(super) fn is_there(&self) -> bool {
        self.supervised.as_ref().is_some_and(|it| !it.is_alone())
    }

    /// How many of `all` records are to be saved anew because they may have changed without a
    /// word, as counters do: with the beats, each in its turn, some at a time.
    pub(super) fn refreshes(&mut self, now: Timestamp, all: usize) -> usize {
        if !self.is_beat_due(now) {
            return 0;
        }
        let each = REFRESH / u32::try_from(all).unwrap_or(u32::MAX).max(1);
        let each = each.max(SLOWEST_REFRESH).as_micros();
        let due = (now - self.refreshed).as_micros() / each;
        if due > 0 {
            self.refreshed = now;
        }
        usize::try_from(due).unwrap_or(usize::MAX).min(all)
    }

    // ---- beats and messages ----

    /// The descriptor that tells of messages.
    pub(super) fn raw(&self) -> Option<RawFd> {
        let supervised = self.supervised.as_ref()?;
        Some(supervised.as_fd().as_raw_fd())
    }

    /// When the loop must come round even if nothing happens.
    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let notifier = self.notifier.as_ref();
        let notifier = notifier.and_then(|notifier| notifier.deadline(now));
        let beat = self.is_there().then_some(self.beat);
        beat.into_iter().chain(notifier).min()
    }

    /// Says, where that is due, that the loop goes round, and will again `within` this time.
    /// Returns whether it was.
    pub(super) fn beat_if_due(
        &mut self,
        now: Timestamp,
        within: impl FnOnce() -> Duration,
    ) -> bool {
        if let Some(notifier) = &mut self.notifier {
            notifier.feed(now);
        }
        let is_due = self.is_beat_due(now);
        if is_due {
            let within = within();
            let pause = within / BEATS;
            self.early_beat = now + pause / 2;
            self.beat = now + pause;
            self.beat(within);
        }
        is_due
    }

    fn is_beat_due(&self, now: Timestamp) -> bool {
        self.is_there() && now >= self.early_beat
    }

    /// Says that the service is well but may say nothing more for this time.
    pub(super) fn beat(&mut self, within: Duration) {
        if let Some(supervised) = &mut self.supervised {
            supervised.beat(within);
        }
    }

    /// Takes in what the supervisor said; says whether the service is to stop.
    pub(super) fn take_messages(&mut self) -> bool {
        let mut stop = false;
        while let Some(message) = self.supervised.as_mut().and_then(Supervised::poll) {
            match message {
                Message::Stop => stop = true,
                Message::Granted if self.restart != Restart::No => self.restart = Restart::Granted,
                Message::Alone => tracing::warn!(
                    "the supervisor is gone: nobody starts the service again if it crashes"
                ),
                Message::Granted | _ => {}
            }
        }
        stop
    }

    // ---- restart ----

    /// What is to be done at `now` about a restart.
    pub(super) fn restart(&mut self, now: Timestamp) -> Verdict {
        let Some(supervised) = &mut self.supervised else {
            return Verdict::Refuse(UNSUPERVISED);
        };
        if supervised.is_alone() {
            return self.refuse(ALONE);
        }
        match self.restart {
            Restart::No => {
                supervised.ask_again();
                self.restart = Restart::Asked(now + PATIENCE);
                Verdict::Wait
            }
            Restart::Asked(until) if now >= until => self.refuse(NO_ANSWER),
            Restart::Asked(_) => Verdict::Wait,
            Restart::Granted => Verdict::Go,
        }
    }

    /// Says that the service ends to be started anew; where that cannot be said, why.
    pub(super) fn again(&mut self) -> Result<(), &'static str> {
        let said = self.supervised.as_mut().map(Supervised::again);
        if matches!(said, Some(Ok(()))) {
            return Ok(());
        }
        self.restart = Restart::No;
        Err(NO_ANSWER)
    }

    /// When the answer to a restart must have come.
    pub(super) const fn restart_deadline(&self) -> Option<Timestamp> {
        match self.restart {
            Restart::Asked(until) => Some(until),
            Restart::No | Restart::Granted => None,
        }
    }

    const fn refuse(&mut self, reason: &'static str) -> Verdict {
        self.restart = Restart::No;
        Verdict::Refuse(reason)
    }
}

/// The record of what the service manager is told, which the supervisor passes on.
pub(crate) const CONDITION: &str = "condition";

/// How many beats there are at least in the time that one allows for.
const BEATS: u32 = 2;

/// How often everything is saved, where that is not too much.
const REFRESH: Duration = Duration::from_secs(10);

/// One record is saved anew at most this often, with a beat: of thousands each has its turn after
/// some minutes.
const SLOWEST_REFRESH: Duration = Duration::from_millis(250);

/// How long after its start a service has taken over what it wants to, and more.
const SETTLED: Duration = Duration::from_secs(10);

/// How long the supervisor may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

const UNSUPERVISED: &str = "the service runs without a supervisor (daemon --unsupervised): \
                            stop it and start it again, which hands over to another node";

const ALONE: &str = "the supervisor of the service is gone: stop the service and start it again, \
                     which hands over to another node";

const NO_ANSWER: &str = "the supervisor of the service does not answer (is it stopped?): \
                         nothing was changed";
