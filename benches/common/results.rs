//! The file with the results: each bench replaces its own part of it and leaves the others alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, output_of};

/// The file of this repository.
pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md")
}

/// Puts `text` between the marks of `bench` in `file`, which is made where it is missing.
///
/// # Errors
///
/// Where the file cannot be read or written.
pub fn write(file: &Path, bench: &str, text: &str) -> Result<()> {
    let begin = format!("<!-- {bench}:begin -->");
    let end = format!("<!-- {bench}:end -->");
    let old = match fs::read_to_string(file) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => HEAD.to_owned(),
        Err(error) => return Err(format!("{}: {error}", file.display()).into()),
    };
    let part = format!("{begin}\n{text}{end}\n");
    let new = match (old.split_once(&begin), old.split_once(&end)) {
        (Some((before, _)), Some((_, after))) => {
            format!("{before}{part}{}", after.trim_start_matches('\n'))
        }
        _ => format!("{}\n\n{part}", old.trim_end()),
    };
    fs::write(file, new).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// What is said of the limits: that all are met, or which are missed and by what.
pub fn verdict(misses: &[String]) -> String {
    if misses.is_empty() {
        return "Every limit is met.\n".to_owned();
    }
    let list: String = misses.iter().map(|miss| format!("* {miss}\n")).collect();
    format!("### Limits missed\n\n{list}")
}

/// The day, the kernel and the processor.
pub fn machine() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    let model = model.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut date = Command::new("date");
    date.arg("+%Y-%m-%d");
    let date = output_of(date).unwrap_or_default();
    format!(
        "{}, Linux {}, {model}, {cores} cores",
        date.trim(),
        kernel.trim()
    )
}

const HEAD: &str = "# Results of the benches\n";
