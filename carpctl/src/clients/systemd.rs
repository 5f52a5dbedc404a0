//! Where systemd runs the service: a command that needs one has it started as a unit.
//!
//! A service that a command starts by itself ends with the login session of that command where
//! systemd is told to kill what is left of sessions; it is not started again at boot, and has no
//! sandbox but its own. So where the unit is installed it is used, for the network namespace that
//! it serves: that of the machine.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::paths::Paths;

/// What there is of systemd on a machine.
#[derive(Debug)]
pub(crate) struct Systemd {
    root: PathBuf,
    systemctl: OsString,
}

/// Why the unit is not there although it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnitError {
    #[error("{UNIT} has no service that answers (see `systemctl status {UNIT}')")]
    Within,
    #[error("{0} (see `systemctl status {UNIT}')")]
    Refused(String),
    #[error("systemctl: {0}")]
    Io(#[from] io::Error),
}

impl Systemd {
    pub(crate) fn of_this_machine() -> Self {
        Self {
            root: PathBuf::from("/"),
            systemctl: OsString::from("systemctl"),
        }
    }

    /// Starts the unit, where it is for it to serve `paths`; says whether it is. When it has
    /// started, the service listens and what files say is applied.
    pub(crate) fn start(&self, paths: &Paths) -> Result<bool, UnitError> {
        if !paths.are_usual() || !self.runs_here() {
            return Ok(false);
        }
        // A process of a unit that is to stop before that one starts anew would wait for the start,
        // and the start for the process.
        if self.is_within_units() {
            return Err(UnitError::Within);
        }
        let output = Command::new(&self.systemctl)
            .args(["--no-ask-password", "start", UNIT])
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => Ok(true),
            Ok(output) if output.status.code() == Some(NOT_INSTALLED) => Ok(false),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let first = said.lines().next().unwrap_or("systemctl does not say why");
                Err(UnitError::Refused(first.to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether systemd is the first process, and this one in its network namespace.
    fn runs_here(&self) -> bool {
        let namespace = |process: &str| {
            let path = self.root.join("proc").join(process).join("ns/net");
            fs::metadata(path).map(|it| (it.dev(), it.ino())).ok()
        };
        let first = namespace("1");
        self.root.join("run/systemd/system").is_dir()
            && first.is_some()
            && first == namespace("self")
    }

    /// Whether this process belongs to the unit or to one of those beside it.
    fn is_within_units(&self) -> bool {
        let groups = fs::read_to_string(self.root.join("proc/self/cgroup")).unwrap_or_default();
        let mut paths = groups.lines().filter_map(|line| line.rsplit(':').next());
        let is_ours = |name: &OsStr| UNITS.iter().any(|unit| name == *unit);
        paths.any(|path| Path::new(path).iter().any(is_ours))
    }
}

const UNIT: &str = "carpctl.service";

/// It, and those that stop with it.
const UNITS: [&str; 3] = [UNIT, "carpctl-boot-done.service", "carpctl-hooks.service"];

/// What systemctl ends with where there is no such unit.
const NOT_INSTALLED: i32 = 5;

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A machine of its own, whose systemctl says `says` and ends with `code`.
    struct Machine {
        directory: TempDir,
        systemd: Systemd,
    }

    impl Machine {
        fn new(says: &str, code: i32) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path().to_owned();
            for made in ["run/systemd/system", "proc/1/ns", "proc/self/ns"] {
                fs::create_dir_all(root.join(made)).unwrap();
            }
            fs::write(root.join("proc/1/ns/net"), "").unwrap();
            fs::hard_link(root.join("proc/1/ns/net"), root.join("proc/self/ns/net")).unwrap();
            let systemctl = root.join("systemctl");
            let asked = root.join("asked");
            let script = format!(
                "#!/bin/sh\necho \"$@\" >>{}\necho '{says}' >&2\nexit {code}\n",
                asked.display()
            );
            // By another process: one that is started meanwhile by another test would have the
            // file open for writing, and it could not be run.
            let written = Command::new("sh")
                .args(["-c", "printf %s \"$1\" >\"$2\" && chmod 755 \"$2\"", "sh"])
                .args([script.as_ref(), systemctl.as_os_str()])
                .status();
            assert!(written.unwrap().success());
            let systemd = Systemd {
                root,
                systemctl: systemctl.into(),
            };
            let machine = Self { directory, systemd };
            machine.is_in("/user.slice/user-0.slice/session-7.scope");
            machine
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn is_in(&self, group: &str) {
            let groups = format!("1:name=systemd:{group}\n0::{group}\n");
            fs::write(self.path("proc/self/cgroup"), groups).unwrap();
        }

        fn start(&self) -> Result<bool, String> {
            let paths = Paths::within(PathBuf::from("/run/carpctl"), 7);
            self.systemd
                .start(&paths)
                .map_err(|error| error.to_string())
        }

        fn asked(&self) -> String {
            fs::read_to_string(self.path("asked")).unwrap_or_default()
        }
    }

    #[test]
    fn unit_is_started_where_it_is_installed() {
        let machine = Machine::new("", 0);
        assert_eq!(machine.start(), Ok(true));
        assert_eq!(machine.asked(), "--no-ask-password start carpctl.service\n");
        let machine = Machine::new("Unit carpctl.service not found.", 5);
        assert_eq!(machine.start(), Ok(false));
    }

    #[test]
    fn what_systemd_refuses_is_said_and_nothing_else_started() {
        let machine = Machine::new("Job for carpctl.service failed.\nmore", 1);
        let error = machine.start().unwrap_err();
        assert_eq!(
            error,
            "Job for carpctl.service failed. (see `systemctl status carpctl.service')"
        );
    }

    #[test]
    fn other_namespaces_and_machines_without_systemd_are_not_its_affair() {
        let machine = Machine::new("", 0);
        fs::remove_file(machine.path("proc/self/ns/net")).unwrap();
        fs::write(machine.path("proc/self/ns/net"), "").unwrap();
        assert_eq!(machine.start(), Ok(false));

        let machine = Machine::new("", 0);
        fs::remove_dir(machine.path("run/systemd/system")).unwrap();
        assert_eq!(machine.start(), Ok(false));

        let machine = Machine::new("", 0);
        let elsewhere = Paths::within(machine.path("run"), 7);
        assert!(!machine.systemd.start(&elsewhere).unwrap());
        assert_eq!(machine.asked(), "");
    }

    #[test]
    fn process_of_the_units_does_not_wait_for_them() {
        let machine = Machine::new("", 0);
        for group in [
            "/system.slice/carpctl.service",
            "/system.slice/carpctl.service/.control",
            "/system.slice/carpctl-boot-done.service",
            "/system.slice/carpctl-hooks.service",
        ] {
            machine.is_in(group);
            let error = machine.start().unwrap_err();
            assert!(error.contains("no service that answers"), "{error}");
        }
        assert_eq!(machine.asked(), "");
        machine.is_in("/system.slice/web.service");
        assert_eq!(machine.start(), Ok(true));
    }
}
