//! What is to be done: all files, read and understood before anything of it is done.

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use carp_net::carp_fsm::carp_proto::Key;

use super::command::commands;
use super::files::{Etc, Text};
use super::hostname::{self, Hostname, Password};
use super::lines::LineError;
use super::settings::{Wanted, Whose};
use super::{Problems, both};
use crate::clients::hooks::trust::{self, Untrusted};
use crate::clients::secret::{self, Secret};
use crate::clients::shell::command_line;
use crate::clients::stage::Stage;
use crate::vocabulary::change::{CarriedKey, Change};
use crate::vocabulary::name::{InterfaceName, NotACarpName};
use crate::vocabulary::protocol::Told;
use crate::vocabulary::rehearsal::Rehearsal;
use crate::vocabulary::words::SecretSource;

/// What the files say.
#[derive(Debug)]
pub(super) struct Plan {
    /// Which interfaces are asked for, where not all are.
    pub(super) some: bool,
    pub(super) settings: Wanted,
    /// Whether that is all there is to say of them.
    pub(super) has_all_settings: bool,
    /// Those whose files are right, in the order of their numbers.
    pub(super) interfaces: Vec<Planned>,
    /// All that have a file, right or wrong; unknown where they could not be looked for.
    pub(super) filed: Option<Vec<InterfaceName>>,
}

/// An interface and what its file says of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) name: InterfaceName,
    pub(super) path: PathBuf,
    /// The key is among the change.
    pub(super) hostname: Hostname,
    /// The file that its password is in, where that is another one.
    pub(super) passfile: Option<PathBuf>,
    /// Whether root alone can have written it, so that its commands may be run.
    pub(super) trust: Result<(), Untrusted>,
}

impl Plan {
    /// Reads the files of `names`, or of all interfaces and the settings.
    pub(super) fn read(etc: &Etc, names: &[InterfaceName], problems: &mut Problems) -> Self {
        let mut plan = Self {
            some: !names.is_empty(),
            settings: Wanted::default(),
            has_all_settings: false,
            interfaces: Vec::new(),
            filed: None,
        };
        let found = match etc.hostnames() {
            Ok(found) => found,
            Err(error) => {
                problems.error(&error.to_string());
                return plan;
            }
        };
        if !plan.some {
            plan.read_settings(etc, problems);
            for path in &found.misnamed {
                let path = path.display();
                Problems::note(&format!("{path}: {NotACarpName}; passed over"));
            }
        }
        let is_asked = |name: &InterfaceName| names.is_empty() || names.contains(name);
        for name in names.iter().filter(|name| !found.of.contains_key(name)) {
            let [own, system] = etc.places(*name).map(|path| path.display().to_string());
            problems.error(&format!("{name}: no file {own} or {system}"));
        }
        for (name, paths) in found.of.iter().filter(|(name, _)| is_asked(name)) {
            match paths.as_slice() {
                [path] => {
                    let read = read_interface(*name, path, problems);
                    plan.take(read, problems);
                }
                paths => problems.error(&format!("{name}: {}", both(paths))),
            }
        }
        plan.filed = Some(found.of.into_keys().collect());
        plan
    }

    /// Takes in an interface, unless its file contradicts another one.
    fn take(&mut self, read: Option<Planned>, problems: &mut Problems) {
        let Some(planned) = read else {
            return;
        };
        match contradiction(&self.interfaces, &planned) {
            Some((line, problem)) => problems.error(&planned.located(line, &problem)),
            None => self.interfaces.push(planned),
        }
    }

    fn read_settings(&mut self, etc: &Etc, problems: &mut Problems) {
        let (system, own) = match etc.settings() {
            Ok(found) => found,
            Err(error) => return problems.error(&error.to_string()),
        };
        let failed = std::mem::take(&mut problems.failed);
        let files = system.iter().map(|path| (path, Whose::System));
        for (path, whose) in files.chain([(&own, Whose::Own)]) {
            match Text::read_if_there(path) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    for error in self.settings.read(&text.bytes, whose) {
                        problems.error(&format!("{}:{error}", path.display()));
                    }
                }
                // What is no file of settings is the system's business where it is the system's.
                Err(error) if whose == Whose::System && is_unusual(&error) => {
                    Problems::note(&format!("{error}; passed over"));
                }
                Err(error) => problems.error(&error.to_string()),
            }
        }
        self.has_all_settings = !problems.failed;
        problems.failed |= failed;
    }

    /// Whether a demotion that was in a file before is in none any more.
    pub(super) const fn takes_demotion_back(&self) -> bool {
        self.has_all_settings && self.settings.demotion().is_none()
    }

    /// Whether another interface, whose own file can be applied, is to lose the address that stands
    /// in the way of `planned`, as `reason` has it.
    pub(super) fn makes_way(
        &self,
        planned: &Planned,
        reason: &str,
        there: &[Told],
        stage: &mut Stage<'_>,
    ) -> bool {
        let has = |change: &Change, ip| change.addresses.iter().any(|it| it.ip == ip);
        let is_named = |ip: IpAddr| reason.split(' ').any(|word| word == ip.to_string());
        let wanted = planned.hostname.change.addresses.iter().map(|it| it.ip);
        let blocked: Vec<IpAddr> = wanted.filter(|ip| is_named(*ip)).collect();
        let mut others = self.interfaces.iter().filter(|it| it.name != planned.name);
        others.any(|other| {
            let told = there.iter().find(|told| told.interface == other.name);
            let loses = |ip| {
                told.is_some_and(|told| has(&told.change, ip)) && !has(&other.hostname.change, ip)
            };
            blocked.iter().any(|ip| loses(*ip)) && other.rehearse(stage).is_ok()
        })
    }

    /// Which of those that are there have no file, where all are asked for.
    pub(super) fn without_file(&self, there: &[Told]) -> Vec<InterfaceName> {
        let Some(filed) = self.filed.as_ref().filter(|_| !self.some) else {
            return Vec::new();
        };
        let names = there.iter().map(|told| told.interface);
        names.filter(|name| !filed.contains(name)).collect()
    }

    /// Writes the commands that set what the files say of the whole service, which is perhaps
    /// demoted by what they said before.
    pub(super) fn write_settings(&self, text: &mut OsString, is_demoted: bool) {
        let settings = self.settings.words();
        if !settings.is_empty() {
            let words = ["carpctl", "sysctl"].map(OsString::from);
            text.push(command_line(words.into_iter().chain(settings)));
        }
        if let Some(amount) = self.settings.demotion() {
            let owner = super::settings::OWNER;
            text.push(format!(
                "carpctl -g carp carpdemote {amount} owner {owner}\n"
            ));
        } else if is_demoted && self.takes_demotion_back() {
            let owner = super::settings::OWNER;
            text.push(format!("carpctl -g carp -carpdemote owner {owner}\n"));
        }
    }
}

impl Planned {
    /// What would come of applying it.
    pub(super) fn rehearse(&self, stage: &mut Stage<'_>) -> Result<Rehearsal, String> {
        stage.rehearse(self.name, &self.hostname.change)
    }

    /// Writes the commands that the file stands for, where the interface is as it is told to be
    /// or, without that, is not there; no password is in them.
    pub(super) fn write(&self, text: &mut OsString, told: Option<&Told>) {
        let passfile = self.passfile.as_deref();
        let commands = commands(self.name, &self.hostname.change, passfile, told);
        if commands.is_empty() {
            text.push(format!("# carpctl {}: nothing to say\n", self.name));
        }
        text.push(commands);
    }

    /// What the service says is wrong, with the line that it is about where that is known.
    pub(super) fn refusal(&self, reason: &str) -> String {
        self.located(self.hostname.line_about(reason), reason)
    }

    fn located(&self, line: Option<usize>, problem: &str) -> String {
        let path = self.path.display();
        match line {
            Some(line) => format!("{path}:{line}: {problem}"),
            None => format!("{path}: {problem}"),
        }
    }

    /// Whether the commands in it are to be run; where they are not, though there are some, says why
    /// in one line.
    pub(super) fn runs_commands(&self, allow_commands: bool, problems: &mut Problems) -> bool {
        let Some((first, more)) = self.hostname.commands.split_first() else {
            return false;
        };
        let not_run = match more.len() {
            0 => "not run".to_owned(),
            more => format!("not run, with {more} more"),
        };
        let place = self.located(Some(first.line), &not_run);
        match (&self.trust, allow_commands) {
            (Ok(()), true) => return true,
            (Ok(()), false) => {
                Problems::note(&format!("{place}: --allow-commands turns commands on"));
            }
            (Err(why), true) => problems.error(&format!("{place}: {why}")),
            (Err(why), false) => Problems::note(&format!("{place}: {why}")),
        }
        false
    }

    /// Writes the commands that are to run after it.
    pub(super) fn write_commands(&self, text: &mut OsString, allow_commands: bool) {
        for command in &self.hostname.commands {
            if !allow_commands {
                text.push("# not run without --allow-commands: ");
            } else if self.trust.is_err() {
                text.push("# not run: ");
            }
            text.push(&command.text);
            text.push("\n");
        }
    }
}

/// Whether a file was not read because of what it is: none, or too long.
fn is_unusual(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Other | io::ErrorKind::InvalidData
    )
}

/// What `planned` and one of the files `before` it say that cannot be so at once, and on which line.
fn contradiction(before: &[Planned], planned: &Planned) -> Option<(Option<usize>, String)> {
    let own = &planned.hostname;
    let is_host = |change: &Change| change.vhid.is_some() && change.carpdev.is_some();
    let others = before.iter().filter(|other| {
        let change = &other.hostname.change;
        is_host(change) && is_host(&own.change)
    });
    others.into_iter().find_map(|other| {
        let (change, path) = (&other.hostname.change, other.path.display());
        if (change.vhid, &change.carpdev) == (own.change.vhid, &own.change.carpdev) {
            return Some((own.line_about("vhid"), format!("vhid: that of {path} too")));
        }
        let has_it = |ip: &IpAddr| change.addresses.iter().any(|it| it.ip == *ip);
        let mut ips = own.change.addresses.iter().map(|it| it.ip);
        let ip = ips.find(|ip| !is_link_local(ip) && has_it(ip))?;
        let line = own.line_about(&ip.to_string());
        Some((line, format!("{ip}: in {path} too")))
    })
}

/// Such an address means something else on every interface.
const fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Reads and understands the file of one interface, and gets its key.
fn read_interface(name: InterfaceName, path: &Path, problems: &mut Problems) -> Option<Planned> {
    let text = match Text::read(path) {
        Ok(text) => text,
        Err(error) => {
            problems.error(&error.to_string());
            return None;
        }
    };
    let trust = trust::check_changeable(path);
    let mut hostname = match hostname::parse(name, &text.bytes) {
        Ok(hostname) => hostname,
        Err(error) => {
            problems.error(&format!("{}:{error}", path.display()));
            return None;
        }
    };
    let password = hostname.password.take();
    // With a command in it, it is told what becomes of that.
    if let Err(why) = &trust
        && hostname.commands.is_empty()
    {
        Problems::note(&why.to_string());
    }
    let passfile = match &password {
        Some(Password::File { path: file, .. }) => Some(resolved(file, path)),
        Some(Password::Here(_)) | None => None,
    };
    let secret = match password
        .map(|password| key_in(&password, &text))
        .transpose()
    {
        Ok(secret) => secret,
        Err(error) => {
            problems.error(&format!("{}:{error}", path.display()));
            return None;
        }
    };
    if let Some(exposure) = secret.as_ref().and_then(|secret| secret.exposure.as_ref()) {
        Problems::note(exposure);
    }
    if secret.as_ref().is_some_and(|secret| secret.was_cut) {
        Problems::note(&format!("{}: {}", path.display(), secret::CUT_NOTICE));
    }
    hostname.change.key = secret.map(|secret| CarriedKey(secret.key));
    Some(Planned {
        name,
        trust,
        passfile,
        path: text.path,
        hostname,
    })
}

/// The key that `password` leads to, of which `text` speaks.
pub(super) fn key_in(password: &Password, text: &Text) -> Result<Secret, LineError> {
    match password {
        Password::Here(password) => Ok(Secret {
            key: Key::from_password(password.as_slice()),
            was_cut: password.len() > Key::MAX_PASSWORD,
            exposure: text.access.exposure(&text.path),
        }),
        Password::File { path: file, line } => {
            let file = SecretSource::File(resolved(file, &text.path));
            secret::read(&file).map_err(|error| LineError {
                line: *line,
                problem: format!("passfile: {error}"),
            })
        }
    }
}

/// Where `file` is that the file at `path` names: a credential of the service, or beside it.
fn resolved(file: &Path, path: &Path) -> PathBuf {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let credential = credentials.map(|directory| Path::new(&directory).join(file));
    let credential = credential.filter(|path| path.exists());
    let beside = || path.with_file_name(file);
    credential.unwrap_or_else(beside)
}
