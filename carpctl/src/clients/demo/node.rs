//! A node of the demonstration: a host on which the real commands run.

use std::fmt::Write as _;
use std::process::{Output, Stdio};

use carp_net::lab::Host;

use crate::failure::Failure;
use crate::process::own_executable;
use crate::vocabulary::report::{Report, State};

/// A host with the words of its operator.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) host: Host,
    /// Where its service has its socket.
    pub(super) run_directory: &'a str,
}

impl Node<'_> {
    /// Its name and the prompt of root.
    pub(super) fn prompt(&self) -> String {
        format!("{}#", self.host.name())
    }

    /// Runs `carpctl` with these words, which must succeed.
    pub(super) fn must(&self, words: &[&str]) -> Result<(), Failure> {
        let output = self.carpctl(words)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::about(self.host.name(), said.trim_end()))
    }

    /// What `carpctl carp0` prints, with a refusal as the operator would see it.
    pub(super) fn shows(&self) -> Result<String, Failure> {
        let output = self.carpctl(&["carp0"])?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok(text)
    }

    /// Where its election is; `None` while it has none.
    pub(super) fn state(&self) -> Result<Option<State>, Failure> {
        let output = self.carpctl(&["carp0", "--json"])?;
        if !output.status.success() {
            return Ok(None);
        }
        let reports: Vec<Report> = serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::about(self.host.name(), error))?;
        Ok(reports
            .into_iter()
            .find_map(|report| Some(report.carp?.state)))
    }

    fn carpctl(&self, words: &[&str]) -> Result<Output, Failure> {
        let output = self
            .host
            .command(own_executable())
            .args(words)
            .env("CARPCTL_RUN_DIR", self.run_directory)
            .stdin(Stdio::null())
            .output();
        output.map_err(|error| Failure::about(self.host.name(), error))
    }
}

/// A command as it is typed; nobody is shown the password.
pub(super) fn as_typed(words: &[&str]) -> String {
    let mut typed = "carpctl".to_owned();
    let mut hidden = false;
    for word in words {
        let shown = if hidden { "…" } else { word };
        hidden = !hidden && *word == "pass";
        // Writing to a string does not fail.
        write!(typed, " {shown}").unwrap_or_default();
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let words = ["carp0", "vhid", "99", "pass", "pass", "carpdev", "vmx0"];
        let typed = "carpctl carp0 vhid 99 pass … carpdev vmx0";
        assert_eq!(as_typed(&words), typed);
    }
}
