//! The file with the results: each bench replaces its own part of it and leaves the others alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::network::output_of;

/// Puts `text` between this bench's marks in `file`, which is made where it is missing.
pub(crate) fn write(file: &Path, text: &str) -> Result<()> {
    let old = match fs::read_to_string(file) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => HEAD.to_owned(),
        Err(error) => return Err(format!("{}: {error}", file.display()).into()),
    };
    let part = format!("{BEGIN}\n{text}{END}\n");
    let new = match (old.split_once(BEGIN), old.split_once(END)) {
        (Some((before, _)), Some((_, after))) => {
            format!("{before}{part}{}", after.trim_start_matches('\n'))
        }
        _ => format!("{}\n\n{part}", old.trim_end()),
    };
    fs::write(file, new).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// The day, the kernel and the processor.
pub(crate) fn machine() -> String {
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
const BEGIN: &str = "<!-- failover:begin -->";
const END: &str = "<!-- failover:end -->";
