//! A file about what was changed on interfaces of the host, so that it is put back in the end even
//! if every process is killed in between.
//!
//! It is written before anything is changed, replaced as a whole, and goes with its last entry.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::settings::{Inet, Values};

/// What was changed, by the index of the interface: the kernel gives none twice.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// None: nothing is written down.
    path: Option<PathBuf>,
    /// What the entries are good for: this start of the machine, this network namespace.
    scope: String,
    entries: BTreeMap<u32, Entry>,
}

/// What was changed on an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    /// For people.
    name: String,
    /// Settings, what they were before, and what they were set to.
    settings: Vec<(Inet, u32, u32)>,
    /// Whether `clsact` was made.
    clsact: bool,
}

impl Journal {
    /// Reads what a former run has written to `path`, if there is one. `namespace` is the number
    /// of the network namespace that the kernel never gives twice.
    pub(super) fn open(path: Option<PathBuf>, namespace: u64) -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let mut journal = Self {
            path,
            scope: format!("scope {} {namespace}", boot.trim()),
            entries: BTreeMap::new(),
        };
        if let Some(path) = &journal.path {
            match fs::read_to_string(path) {
                Ok(text) => journal.entries = parse(&text, &journal.scope, path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(path = %path.display(), %error, "journal not read"),
            }
        }
        journal
    }

    /// The interfaces that are in it.
    pub(super) fn interfaces(&self) -> Vec<u32> {
        self.entries.keys().copied().collect()
    }

    /// What settings that are `now` so were before they were changed. Where somebody has changed
    /// one since, what it is now counts.
    pub(super) fn before(&self, index: u32, now: &Values) -> Values {
        let known = self.entries.get(&index).map(|entry| &entry.settings[..]);
        let before = |(setting, value): &(Inet, u32)| {
            let mut known = known.unwrap_or_default().iter();
            let ours = known.find(|(name, _, set)| name == setting && set == value);
            (*setting, ours.map_or(*value, |(_, before, _)| *before))
        };
        now.iter().map(before).collect()
    }

    /// What was changed on an interface: settings, what they were before, what they were set to.
    pub(super) fn settings(&self, index: u32) -> (Values, Values) {
        let entry = self.entries.get(&index);
        let settings = entry.map(|entry| &entry.settings[..]).unwrap_or_default();
        let each = settings.iter();
        each.map(|(setting, before, set)| ((*setting, *before), (*setting, *set)))
            .unzip()
    }

    /// Takes note of settings before they are changed.
    pub(super) fn note_settings(
        &mut self,
        index: u32,
        name: &str,
        before: &Values,
        set: &[(Inet, u32)],
    ) {
        let entry = self.entry(index, name);
        let pairs = before.iter().filter_map(|(setting, before)| {
            let (_, set) = set.iter().find(|(name, _)| name == setting)?;
            Some((*setting, *before, *set))
        });
        entry.settings = pairs.collect();
        self.write();
    }

    /// Settings have been put back, or their interface is gone.
    pub(super) fn forget_settings(&mut self, index: u32) {
        if let Some(entry) = self.entries.get_mut(&index) {
            entry.settings.clear();
            self.write();
        }
    }

    /// Whether `clsact` on an interface was made by a former run.
    pub(super) fn has_clsact(&self, index: u32) -> bool {
        self.entries.get(&index).is_some_and(|entry| entry.clsact)
    }

    /// Takes note that `clsact` is about to be made.
    pub(super) fn note_clsact(&mut self, index: u32, name: &str) {
        self.entry(index, name).clsact = true;
        self.write();
    }

    /// It is gone, or was somebody else's.
    pub(super) fn forget_clsact(&mut self, index: u32) {
        if let Some(entry) = self.entries.get_mut(&index) {
            entry.clsact = false;
            self.write();
        }
    }

    fn entry(&mut self, index: u32, name: &str) -> &mut Entry {
        let entry = self.entries.entry(index).or_default();
        name.clone_into(&mut entry.name);
        entry
    }

    fn write(&mut self) {
        self.entries
            .retain(|_, entry| entry.clsact || !entry.settings.is_empty());
        let Some(path) = &self.path else { return };
        let written = if self.entries.is_empty() {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        } else {
            replace(path, &self.text())
        };
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "journal not written");
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{TITLE}\n{}\n", self.scope);
        for (index, Entry { name, settings, .. }) in &self.entries {
            for (setting, before, set) in settings {
                let setting = setting.name();
                text.push_str(&format!(
                    "setting {index} {name} {setting} {before} {set}\n"
                ));
            }
        }
        for (index, Entry { name, .. }) in self.entries.iter().filter(|(_, entry)| entry.clsact) {
            text.push_str(&format!("clsact {index} {name}\n"));
        }
        text
    }
}

fn parse(text: &str, scope: &str, path: &Path) -> BTreeMap<u32, Entry> {
    let mut entries: BTreeMap<u32, Entry> = BTreeMap::new();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    if lines.next() != Some(scope) {
        tracing::info!(path = %path.display(), "journal of another start or namespace ignored");
        return entries;
    }
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let is_good = match *words {
            ["setting", index, name, setting, before, set] => (|| {
                let change = (
                    Inet::named(setting)?,
                    before.parse().ok()?,
                    set.parse().ok()?,
                );
                let entry = entries.entry(index.parse().ok()?).or_default();
                name.clone_into(&mut entry.name);
                entry.settings.push(change);
                Some(())
            })(),
            ["clsact", index, name] => index.parse().ok().map(|index| {
                let entry = entries.entry(index).or_default();
                name.clone_into(&mut entry.name);
                entry.clsact = true;
            }),
            _ => None,
        };
        if is_good.is_none() {
            tracing::warn!(path = %path.display(), line, "damaged line of the journal ignored");
        }
    }
    entries
}

/// Readable at any time as it was or as it will be.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file, so that nobody's link is followed.
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(&beside, path)
}

const TITLE: &str = "# What carp has changed on interfaces of the host, to be put back in the end.";

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> (tempfile::TempDir, Option<PathBuf>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        (directory, Some(path))
    }

    const BEFORE: [(Inet, u32); 2] = [(Inet::ArpIgnore, 2), (Inet::ArpAnnounce, 0)];
    const SET: [(Inet, u32); 2] = [(Inet::ArpIgnore, 1), (Inet::ArpAnnounce, 2)];

    #[test]
    fn what_was_written_is_read_back_and_goes_with_the_last_entry() {
        let (_directory, path) = path();
        let mut first = Journal::open(path.clone(), 7);
        first.note_settings(3, "vmx0", &BEFORE.to_vec(), &SET);
        first.note_clsact(3, "vmx0");
        let file = path.clone().unwrap();
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);

        let mut second = Journal::open(path, 7);
        assert_eq!(second.interfaces(), [3]);
        assert!(second.has_clsact(3) && !second.has_clsact(4));
        assert_eq!(second.before(3, &SET.to_vec()), BEFORE);
        // Somebody has changed one in the meantime.
        let now = vec![(Inet::ArpIgnore, 1), (Inet::ArpAnnounce, 1)];
        let before = [(Inet::ArpIgnore, 2), (Inet::ArpAnnounce, 1)];
        assert_eq!(second.before(3, &now), before);
        second.forget_settings(3);
        assert!(file.exists());
        second.forget_clsact(3);
        assert!(!file.exists());
    }

    #[test]
    fn another_namespace_and_damaged_lines_say_nothing() {
        let (_directory, path) = path();
        let mut first = Journal::open(path.clone(), 7);
        first.note_settings(3, "vmx0", &BEFORE.to_vec(), &SET);
        assert!(Journal::open(path.clone(), 8).interfaces().is_empty());
        let file = path.clone().unwrap();
        let whole = fs::read_to_string(&file).unwrap();
        for length in 0..whole.len() {
            fs::write(&file, &whole.as_bytes()[..length]).unwrap();
            let read = Journal::open(path.clone(), 7);
            let (before, _) = read.settings(3);
            assert!(before.iter().all(|it| BEFORE.contains(it)), "{before:?}");
        }
        fs::write(&file, whole.replace("arp_ignore", "arp_ignored")).unwrap();
        let read = Journal::open(path, 7);
        assert_eq!(read.settings(3).0, BEFORE[1..]);
    }
}
