//! `carpctl generate man|completions DIR`: what a package installs beside the program.

use std::fs;
use std::path::{Path, PathBuf};

use crate::clients::manual::pages;
use crate::failure::Failure;
use crate::paths::about;

/// The words of `carpctl generate`.
#[derive(Debug, clap::Args)]
pub(super) struct GenerateOptions {
    /// What to write
    #[arg(value_enum)]
    what: What,
    /// The directory to write it to, which is made where it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The manual pages
    Man,
    /// The completions for bash, zsh and fish
    Completions,
}

/// Writes the files, each under the name that it is installed as.
pub(super) fn run(options: &GenerateOptions, program: &clap::Command) -> Result<(), Failure> {
    let directory = &options.directory;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| Failure::about("generate", about(&path, &error))
    };
    fs::create_dir_all(directory).map_err(failed(directory))?;
    let files: Vec<(&str, String)> = match options.what {
        What::Man => pages(program).into(),
        What::Completions => COMPLETIONS
            .map(|(name, text)| (name, text.to_owned()))
            .into(),
    };
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}

const COMPLETIONS: [(&str, &str); 3] = [
    (
        "carpctl.bash",
        include_str!("../../../completions/carpctl.bash"),
    ),
    ("_carpctl", include_str!("../../../completions/_carpctl")),
    (
        "carpctl.fish",
        include_str!("../../../completions/carpctl.fish"),
    ),
];
