//! What the service has run, and what came of it: the messages between it and the process that
//! runs hooks.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::VirtualAddress;
use serde::{Deserialize, Serialize};

use super::{Hook, Hooks, USUAL_TIMEOUT};
use crate::vocabulary::config::Config;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::report::State;

/// A hook that is to run, with all that it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// By which its end is told.
    pub(crate) id: u64,
    pub(crate) hook: Hook,
    pub(crate) interface: InterfaceName,
    pub(crate) carpdev: String,
    pub(crate) vhid: u8,
    pub(crate) state: State,
    pub(crate) previous: State,
    /// Why the state changed, or is about to.
    pub(crate) reason: String,
    /// With their prefix lengths.
    pub(crate) addresses: Vec<String>,
    /// How many changes before this one no hook was told of, because one was still running.
    pub(crate) skipped: u32,
    /// The script of the interface, if it has one.
    pub(crate) script: Option<String>,
    pub(crate) xparam: Option<String>,
    /// How many seconds each program may take.
    pub(crate) timeout: u8,
}

/// What came of an order: of the first program where something went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// All went well.
    Done,
    /// A program ended otherwise than with status 0.
    Failed { program: String, how: String },
    /// A program took too long, and was killed.
    TimedOut { program: String },
    /// A program could not be run, or may not be.
    NotRun { program: String, why: String },
}

/// That the order `id` was carried out, and how that went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finished {
    pub(crate) id: u64,
    pub(crate) outcome: Outcome,
}

/// A change of the state of an interface, or one to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) hook: Hook,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) reason: String,
}

impl Change {
    /// A change from one state to another, as a hook sees it.
    pub(crate) const fn of_state(from: State, to: State, reason: String) -> Self {
        let hook = match to {
            State::Init => Hook::Down,
            State::Backup => Hook::Backup,
            State::Master => Hook::Up,
        };
        Self {
            hook,
            from,
            to,
            reason,
        }
    }
}

impl Order {
    /// The order to tell of `change` to `interface`, as it is configured.
    pub(crate) fn new(id: u64, interface: InterfaceName, config: &Config, change: Change) -> Self {
        let Hooks {
            xparam, timeout, ..
        } = &config.hooks;
        Self {
            id,
            hook: change.hook,
            interface,
            carpdev: config.carpdev.clone().unwrap_or_default(),
            vhid: config.vhid.map(|vhid| vhid.get()).unwrap_or_default(),
            state: change.to,
            previous: change.from,
            reason: change.reason,
            addresses: config.addresses.iter().map(with_prefix).collect(),
            skipped: 0,
            script: config.hooks.script(change.hook).map(str::to_owned),
            xparam: xparam.clone(),
            timeout: timeout.unwrap_or(USUAL_TIMEOUT),
        }
    }

    /// How long each of its programs may take.
    pub(crate) fn limit(&self) -> Duration {
        match self.hook {
            Hook::Prepare => PREPARE_LIMIT,
            Hook::Up | Hook::Backup | Hook::Down => Duration::from_secs(self.timeout.into()),
        }
    }

    /// `CARPDEV ADDRESS [XPARAM]`, as `ucarp` has it: the network card, and the address without
    /// a prefix length.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let address = self.addresses.first().map(String::as_str);
        let address = address.unwrap_or_default().split('/').next();
        let two = [self.carpdev.clone(), address.unwrap_or_default().to_owned()];
        two.into_iter().chain(self.xparam.clone()).collect()
    }

    /// The facts, by the names of environment variables.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let facts = [
            ("CARP_EVENT", self.hook.to_string()),
            ("CARP_INTERFACE", self.interface.to_string()),
            ("CARP_CARPDEV", self.carpdev.clone()),
            ("CARP_VHID", self.vhid.to_string()),
            ("CARP_STATE", self.state.to_string()),
            ("CARP_PREVIOUS", self.previous.to_string()),
            ("CARP_REASON", self.reason.clone()),
            ("CARP_ADDRESSES", self.addresses.join(" ")),
            ("CARP_SKIPPED", self.skipped.to_string()),
        ];
        let named = facts.into_iter();
        named.map(|(name, fact)| (name.to_owned(), fact)).collect()
    }

    /// Whether it can have been meant: whoever gives orders may have been taken over by somebody.
    pub(crate) fn is_sound(&self) -> bool {
        let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
        let is_address = |text: &String| {
            let (ip, length) = text.split_once('/').unwrap_or((text, "1"));
            ip.parse::<IpAddr>().is_ok() && length.parse::<u8>().is_ok()
        };
        let is_text = |text: &str| !text.contains('\0');
        (1..=15).contains(&self.carpdev.len())
            && !self.carpdev.starts_with(['-', '.'])
            && self.carpdev.bytes().all(is_name)
            && self.addresses.iter().all(is_address)
            && is_text(&self.reason)
            && self.xparam.as_deref().is_none_or(is_text)
            && self
                .script
                .as_deref()
                .is_none_or(|it| it.starts_with('/') && is_text(it))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed { program, how } => write!(f, "{program}: {how}"),
            Self::TimedOut { program } => write!(f, "{program}: took too long, killed"),
            Self::NotRun { program, why } => write!(f, "{program}: not run: {why}"),
        }
    }
}

fn with_prefix(address: &VirtualAddress) -> String {
    format!("{}/{}", address.ip(), address.prefix_len())
}

/// How long a take-over waits for `prepare`.
pub(crate) const PREPARE_LIMIT: Duration = Duration::from_secs(2);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn order(hook: Hook) -> Order {
        Order {
            id: 7,
            hook,
            interface: "carp0".parse().unwrap(),
            carpdev: "vmx0".to_owned(),
            vhid: 99,
            state: State::Master,
            previous: State::Backup,
            reason: "master timed out (inet)".to_owned(),
            addresses: ["192.0.2.10/24", "2001:db8::10/64"]
                .map(str::to_owned)
                .to_vec(),
            skipped: 0,
            script: None,
            xparam: None,
            timeout: 30,
        }
    }

    #[test]
    fn arguments_are_those_of_ucarp() {
        let mut order = order(Hook::Up);
        assert_eq!(order.arguments(), ["vmx0", "192.0.2.10"]);
        order.xparam = Some("eth0:web".to_owned());
        assert_eq!(order.arguments(), ["vmx0", "192.0.2.10", "eth0:web"]);
        order.addresses.clear();
        assert_eq!(order.arguments(), ["vmx0", "", "eth0:web"]);
    }

    #[test]
    fn orders_that_nobody_means_are_not_sound() {
        assert!(order(Hook::Up).is_sound());
        let spoil: [fn(&mut Order); 6] = [
            |it| it.carpdev = "../x".to_owned(),
            |it| it.carpdev = "-c".to_owned(),
            |it| it.carpdev = String::new(),
            |it| it.addresses = vec!["-x".to_owned()],
            |it| it.script = Some("up".to_owned()),
            |it| it.xparam = Some("\0".to_owned()),
        ];
        for spoil in spoil {
            let mut spoilt = order(Hook::Up);
            spoil(&mut spoilt);
            assert!(!spoilt.is_sound(), "{spoilt:?}");
        }
    }
}
