//! The files that an engine may open, by Landlock: those of the service, and the settings of network
//! interfaces.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, LandlockStatus, PathBeneath, RestrictionStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, make_bitflags,
};

/// What became of confining the calling thread, and those that it starts, to some files.
#[derive(Debug)]
pub(crate) struct Files {
    outcome: Outcome,
    /// The kernel goes by what these are open on. Directories of `/proc` it forgets and makes anew
    /// where nobody has them open, and they would be others then.
    _open: Vec<File>,
}

#[derive(Debug)]
enum Outcome {
    On(ABI),
    NotThere(&'static str),
    Failed(String),
}

impl Files {
    /// Lets this thread, and those that it starts from now on, write in `directories` and change
    /// settings of network interfaces, and neither read nor run anything else. What is open stays
    /// open. A kernel that knows only some of this does as much.
    pub(crate) fn confine_to(directories: &[&Path]) -> Self {
        let open = match open(directories) {
            Ok(open) => open,
            Err((path, error)) => {
                let why = format!("{}: {error}", path.display());
                let outcome = Outcome::Failed(why);
                return Self {
                    outcome,
                    _open: Vec::new(),
                };
            }
        };
        let outcome = match restrict(&open) {
            Ok(status) => Outcome::of(&status),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        let _open = open.into_iter().map(|(file, _)| file).collect();
        Self { outcome, _open }
    }
}

impl Outcome {
    const fn of(status: &RestrictionStatus) -> Self {
        match (&status.ruleset, &status.landlock) {
            (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
                Self::NotThere("the kernel was started without it (lsm=landlock,...)")
            }
            (RulesetStatus::NotEnforced, _)
            | (_, LandlockStatus::NotImplemented | LandlockStatus::NotEnabled) => {
                Self::NotThere("the kernel has none")
            }
            (_, LandlockStatus::Available { effective_abi, .. }) => Self::On(*effective_abi),
        }
    }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::On(abi) => write!(f, "Landlock on (ABI {})", *abi as i32),
            Outcome::NotThere(why) => write!(f, "Landlock off: {why}"),
            Outcome::Failed(why) => write!(f, "Landlock off: {why}"),
        }
    }
}

type Rules = Vec<(File, BitFlags<AccessFs>)>;

fn open(directories: &[&Path]) -> Result<Rules, (PathBuf, io::Error)> {
    let own = directories.iter().map(|path| (*path, IN_OWN_DIRECTORIES));
    let others = BESIDES
        .into_iter()
        .map(|(path, access)| (Path::new(path), access));
    let mut rules = Rules::new();
    for (path, access) in own.chain(others) {
        match File::open(path) {
            Ok(file) => rules.push((file, access)),
            // A kernel without IPv6, a container without /dev: nothing to be allowed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err((path.to_owned(), error)),
        }
    }
    Ok(rules)
}

fn restrict(rules: &Rules) -> Result<RestrictionStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        // It has nobody to send signals to.
        .scope(Scope::Signal)?;
    let mut ruleset = ruleset.create()?;
    for (file, access) in rules {
        ruleset = ruleset.add_rule(PathBeneath::new(file, *access))?;
    }
    ruleset.restrict_self()
}

/// The youngest version whose rights were looked at. Beyond it there are rights to reach sockets,
/// which the log and the service manager need.
const KNOWN: ABI = ABI::V6;

/// The socket, the lock and the journal.
const IN_OWN_DIRECTORIES: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeSock | RemoveFile
});

const BESIDES: [(&str, BitFlags<AccessFs>); 4] = [
    // Settings of interfaces, which come and go; of those of others the kernel keeps it away.
    (
        "/proc/sys/net",
        make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate}),
    ),
    // What it was given by another process, how large it is, whether its clock is the kernel's.
    ("/proc/self", make_bitflags!(AccessFs::{ReadFile | ReadDir})),
    // Which start of the machine this is.
    (
        "/proc/sys/kernel/random/boot_id",
        make_bitflags!(AccessFs::{ReadFile}),
    ),
    (
        "/dev/null",
        make_bitflags!(AccessFs::{ReadFile | WriteFile}),
    ),
];
