//! Hooks: programs of the operator that run when an interface changes its state.
//!
//! The service only decides that one is to run, and when; another process runs them.

pub(crate) mod order;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Hook {
    /// The interface has become master, and has its addresses.
    Up,
    /// It stands by.
    Backup,
    /// It takes no part any more.
    Down,
    /// It is about to get its addresses, which the hook may refuse.
    Prepare,
}

impl Hook {
    pub(crate) const ALL: [Self; 4] = [Self::Prepare, Self::Up, Self::Backup, Self::Down];

    /// The keyword that names its script.
    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            Self::Up => "upscript",
            Self::Backup => "backupscript",
            Self::Down => "downscript",
            Self::Prepare => "preparescript",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Backup => "backup",
            Self::Down => "down",
            Self::Prepare => "prepare",
        })
    }
}

/// The hooks of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hooks {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prepare: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) up: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) down: Option<String>,
    /// What they are given as the third argument.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) xparam: Option<String>,
    /// How many seconds each may take, where that is not [`USUAL_TIMEOUT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<u8>,
}

/// A change of the hooks of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HookChange {
    /// The script of a hook, or none.
    Script { hook: Hook, file: Option<String> },
    /// The third argument, or none.
    Xparam(Option<String>),
    /// The limit in seconds.
    Timeout(u8),
}

impl Hooks {
    /// The script of `hook`.
    pub(crate) fn script(&self, hook: Hook) -> Option<&str> {
        match hook {
            Hook::Up => self.up.as_deref(),
            Hook::Backup => self.backup.as_deref(),
            Hook::Down => self.down.as_deref(),
            Hook::Prepare => self.prepare.as_deref(),
        }
    }

    /// All scripts there are.
    pub(crate) fn scripts(&self) -> impl Iterator<Item = (Hook, &str)> {
        let all = Hook::ALL.into_iter();
        all.filter_map(|hook| Some((hook, self.script(hook)?)))
    }

    pub(crate) fn change(&mut self, change: &HookChange) {
        match change {
            HookChange::Script { hook, file } => {
                let slot = match hook {
                    Hook::Up => &mut self.up,
                    Hook::Backup => &mut self.backup,
                    Hook::Down => &mut self.down,
                    Hook::Prepare => &mut self.prepare,
                };
                slot.clone_from(file);
            }
            HookChange::Xparam(text) => self.xparam.clone_from(text),
            HookChange::Timeout(seconds) => {
                self.timeout = Some(*seconds).filter(|seconds| *seconds != USUAL_TIMEOUT);
            }
        }
    }

    /// The changes that make these hooks out of none.
    pub(crate) fn as_changes(&self) -> Vec<HookChange> {
        let scripts = self.scripts().map(|(hook, file)| HookChange::Script {
            hook,
            file: Some(file.to_owned()),
        });
        let xparam = self.xparam.clone();
        let xparam = xparam.map(|text| HookChange::Xparam(Some(text)));
        let timeout = self.timeout.map(HookChange::Timeout);
        scripts.chain(xparam).chain(timeout).collect()
    }
}

impl HookChange {
    /// Whether both change the same.
    pub(crate) fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Script { hook, .. }, Self::Script { hook: other, .. }) => hook == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// How many seconds a script may take, unless it is said otherwise.
pub(crate) const USUAL_TIMEOUT: u8 = 30;

/// How long a program that was told to end has to do so.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// How many seconds may be said.
pub(crate) const MAX_TIMEOUT: u8 = 60;

/// The longest path and the longest `xparam`, in bytes.
pub(crate) const MAX_TEXT: usize = 255;

/// The words by which the processes of `carpctl hooks' know that one keeps the other running as long
/// as the service, which both have as standard input.
pub(crate) const KEEPER: &str = "--keeper";
pub(crate) const KEPT: &str = "--kept";
