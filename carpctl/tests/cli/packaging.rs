//! What packages need of the files in `packaging`, as far as a look at them tells.

use std::fs;

fn read(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

#[test]
fn services_are_never_given_up() {
    for unit in ["carpctl", "carpctl-hooks"] {
        let text = read(&format!("packaging/systemd/{unit}.service"));
        let (head, service) = text.split_once("[Service]").unwrap();
        assert!(service.contains("\nRestart=on-failure\n"), "{unit}");
        let without_limit = head.lines().any(|line| line == "StartLimitIntervalSec=0");
        assert!(without_limit, "{unit}");
    }
}

#[test]
fn documents_are_packaged() {
    let build = read("packaging/deb/build");
    let documents = build.lines().find_map(|line| {
        let documents = line.strip_prefix("for document in ")?;
        documents.strip_suffix("; do")
    });
    let documents: Vec<&str> = documents.unwrap().split(' ').collect();
    // Those that help and errors cite are all below `docs`.
    let docs = format!("{}/../docs", env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(docs).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("docs/{name}");
        assert!(documents.contains(&path.as_str()), "{path}");
    }
    assert!(documents.contains(&"ARCHITECTURE.md"));
}
