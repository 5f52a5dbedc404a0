//! The directory of hooks: programs that run for every interface.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The programs in `directory`, in the order of their names; none where it is not there. As with
/// `run-parts`, only names of letters, digits, `_` and `-` count, so that what editors and
/// packagers leave behind does not run.
pub(crate) fn programs(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut programs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_executable =
            |found: fs::Metadata| found.is_file() && found.permissions().mode() & EXECUTABLE != 0;
        if name.is_some_and(counts) && fs::metadata(&path).is_ok_and(is_executable) {
            programs.push(path);
        }
    }
    programs.sort();
    Ok(programs)
}

fn counts(name: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !name.is_empty() && name.bytes().all(may)
}

const EXECUTABLE: u32 = 0o111;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_in_the_order_of_their_names() {
        let directory = tempfile::tempdir().unwrap();
        for (name, mode) in [
            ("20-second", 0o755),
            ("10-first", 0o755),
            ("30_third", 0o700),
            ("15-plain", 0o644),
            ("16-old.bak", 0o755),
            ("17-old~", 0o755),
            ("18-new.dpkg-dist", 0o755),
            (".hidden", 0o755),
        ] {
            let path = directory.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(directory.path().join("40-directory")).unwrap();
        let found = programs(directory.path()).unwrap();
        let names: Vec<&str> = found
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["10-first", "20-second", "30_third"]);
        assert!(
            programs(&directory.path().join("nowhere"))
                .unwrap()
                .is_empty()
        );
    }
}
