//! Who the service is: users and groups of `/etc/passwd` and `/etc/group`.

use std::fmt;
use std::fs;
use std::path::Path;

use carp_net::linux::privileges::Identity;
use rustix::fs::Gid;
use rustix::process::Uid;
use rustix::thread::{CapabilitySet, capabilities};

use crate::paths::about;

/// Who a service is that starts now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    name: String,
    identity: Identity,
    /// Why it is not the user that is there for it.
    why_not: Option<String>,
}

/// Why a service cannot be whom it was told to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSuchAccount {
    #[error("{0}: not a user of {PASSWD} (give its number)")]
    User(String),
    #[error("{0}: not a group of {GROUP} (give its number)")]
    Group(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the service cannot be user {user}: {why}")]
    NotPossible { user: String, why: String },
}

impl Account {
    /// Who the service is to be: `given`, or what the environment says, or a user of its own, if
    /// there is one and this process may become it; otherwise who it is already.
    pub(crate) fn of_the_service(given: Option<&str>) -> Result<Self, NoSuchAccount> {
        let passwd = read(PASSWD);
        let named = given.map(str::to_owned).or_else(from_environment);
        let Some(name) = named else {
            let found = passwd.as_deref().ok().and_then(|it| find_user(it, USER));
            return Ok(Self::of_its_own(found));
        };
        let found = match (name.parse(), passwd) {
            (Ok(number), passwd) => by_number(passwd.as_deref().unwrap_or_default(), number),
            (Err(_), passwd) => {
                find_user(&passwd?, &name).ok_or_else(|| NoSuchAccount::User(name.clone()))?
            }
        };
        match obstacle(found) {
            None => Ok(Self::new(name, found)),
            Some(why) => Err(NoSuchAccount::NotPossible { user: name, why }),
        }
    }

    fn new(name: impl Into<String>, identity: Identity) -> Self {
        Self {
            name: name.into(),
            identity,
            why_not: None,
        }
    }

    /// The user that is there for the service, as far as that is `found` and possible.
    fn of_its_own(found: Option<Identity>) -> Self {
        let here = Identity::of_this_process();
        let why = match found {
            Some(found) => match obstacle(found) {
                None => return Self::new(USER, found),
                Some(why) => why,
            },
            None => format!("there is no user {USER}"),
        };
        let name = read(PASSWD)
            .ok()
            .and_then(|passwd| name_of(&passwd, here.user).map(str::to_owned));
        Self {
            name: name.unwrap_or_else(|| here.user.to_string()),
            identity: here,
            // Somebody else has chosen a user already.
            why_not: (here.user == 0).then_some(why),
        }
    }

    pub(crate) const fn identity(&self) -> Identity {
        self.identity
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}", self.name)?;
        match &self.why_not {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

/// Whether a service that this user runs is as good as one that root runs.
pub(crate) fn is_user_of_the_service(user: Uid) -> bool {
    let name = from_environment().unwrap_or_else(|| USER.to_owned());
    if name.parse() == Ok(user.as_raw()) {
        return true;
    }
    let found = read(PASSWD).ok().and_then(|it| find_user(&it, &name));
    found.is_some_and(|found| found.user == user.as_raw())
}

/// The number of a group of `/etc/group`, or the number itself.
pub(crate) fn find_group(name: &str) -> Result<Gid, NoSuchAccount> {
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    let number = field(&read(GROUP)?, name, 2);
    let no_such_group = || NoSuchAccount::Group(name.to_owned());
    number.map(Gid::from_raw).ok_or_else(no_such_group)
}

fn from_environment() -> Option<String> {
    let name = std::env::var(OVERRIDE).ok();
    name.filter(|name| !name.is_empty())
}

/// What keeps this process from becoming somebody else.
fn obstacle(wanted: Identity) -> Option<String> {
    let here = Identity::of_this_process();
    if here.user == wanted.user {
        return None;
    }
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    if !capabilities(None).is_ok_and(|sets| sets.effective.contains(needed)) {
        return Some("that takes root (CAP_SETUID and CAP_SETGID)".to_owned());
    }
    // Of a user namespace: what it calls its numbers, and how many there are.
    let maps = [("uid_map", wanted.user), ("gid_map", wanted.group)];
    let is_outside = |(map, number): &(&str, u32)| {
        let map = fs::read_to_string(format!("/proc/self/{map}"));
        map.is_ok_and(|map| !maps_to_somebody(&map, *number))
    };
    let outside = maps.iter().any(is_outside);
    outside.then(|| "this user namespace does not have that user".to_owned())
}

fn maps_to_somebody(map: &str, number: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map_while(|word| word.parse().ok());
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        let (Some(first), Some(count)) = (first, count) else {
            return false;
        };
        (u64::from(number))
            .checked_sub(first)
            .is_some_and(|at: u64| at < count)
    })
}

/// Of `/etc/passwd`.
fn find_user(passwd: &str, name: &str) -> Option<Identity> {
    Some(Identity {
        user: field(passwd, name, 2)?,
        group: field(passwd, name, 3)?,
    })
}

/// A user need not have a name; the group of the same number goes with it then.
fn by_number(passwd: &str, user: u32) -> Identity {
    let named = name_of(passwd, user).and_then(|name| find_user(passwd, name));
    named.unwrap_or(Identity { user, group: user })
}

fn name_of(passwd: &str, user: u32) -> Option<&str> {
    let names = passwd.lines().filter_map(|line| line.split(':').next());
    names
        .into_iter()
        .find(|name| field(passwd, name, 2) == Some(user))
}

/// The number in a field of the line that begins with `name`.
fn field(text: &str, name: &str, number: usize) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(name);
        found.then(|| fields.nth(number - 1)?.parse().ok())?
    })
}

fn read(file: &str) -> std::io::Result<String> {
    fs::read_to_string(file).map_err(|error| about(Path::new(file), &error))
}

/// The user that is there for the service.
const USER: &str = "_carpctl";

/// The variable that names another one.
pub(crate) const OVERRIDE: &str = "CARPCTL_USER";

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\n\
                         nobody:x:65534:65533:nobody:/:/usr/sbin/nologin\n\
                         _carpctl:x:998:997::/:/usr/sbin/nologin\n";

    #[test]
    fn users_by_name_and_by_number() {
        let identity = |user, group| Identity { user, group };
        assert_eq!(find_user(USERS, "_carpctl"), Some(identity(998, 997)));
        assert_eq!(find_user(USERS, "carpctl"), None);
        assert_eq!(find_user(USERS, "x"), None);
        assert_eq!(by_number(USERS, 65_534), identity(65_534, 65_533));
        assert_eq!(by_number(USERS, 7), identity(7, 7));
        assert_eq!(name_of(USERS, 998), Some("_carpctl"));
        assert_eq!(name_of(USERS, 7), None);
    }

    #[test]
    fn groups_by_name_and_by_number() {
        let groups = "root:x:0:\nadm:x:4:syslog\noperators:x:1234:\n";
        assert_eq!(field(groups, "operators", 2), Some(1234));
        assert_eq!(field(groups, "operator", 2), None);
        assert_eq!(find_group("0").unwrap().as_raw(), 0);
        let error = find_group("no such group").unwrap_err().to_string();
        assert_eq!(
            error,
            "no such group: not a group of /etc/group (give its number)"
        );
    }

    #[test]
    fn user_namespace_has_the_users_that_it_says() {
        let map = "         0       1000          1\n      1000     100000      65536\n";
        for (number, is_there) in [(0, true), (1, false), (1_000, true), (66_535, true)] {
            assert_eq!(maps_to_somebody(map, number), is_there, "{number}");
        }
        assert!(!maps_to_somebody(map, 66_536));
        assert!(maps_to_somebody("0 0 4294967295", 65_534));
        assert!(!maps_to_somebody("garbage", 0));
    }

    #[test]
    fn user_that_is_not_there_is_no_user_of_the_service() {
        let error = Account::of_the_service(Some("no such user")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no such user: not a user of /etc/passwd (give its number)"
        );
        // Whoever it is, it is that already.
        let here = Identity::of_this_process();
        let account = Account::of_the_service(Some(&here.user.to_string())).unwrap();
        assert_eq!(account.identity().user, here.user);
    }
}
