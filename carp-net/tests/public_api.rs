//! The public API of each library crate is listed in its `public-api.txt`, so that a change of it
//! is seen in review. `UPDATE_PUBLIC_API=1 cargo test -p carp-net --test public_api` rewrites the
//! listings.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Asks rustdoc for what `package` offers. An error is no verdict on the API: this toolchain
/// cannot tell.
fn listing(package: &str) -> Result<String, Box<dyn Error>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("public-api");
    let output = Command::new(env!("CARGO"))
        .args([
            "rustdoc",
            "--quiet",
            "--locked",
            "--lib",
            "--all-features",
            "--package",
            package,
        ])
        .arg("--target-dir")
        .arg(&target)
        .args([
            "--",
            "-Zunstable-options",
            "--output-format=json",
            "--cap-lints=allow",
        ])
        // JSON output is unstable; the listing is made with whatever toolchain builds the tests.
        .env("RUSTC_BOOTSTRAP", "1")
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let json = target.join(format!("doc/{}.json", package.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(false)
        .build()?;
    Ok(api.to_string())
}

fn check(package: &str) {
    let recorded: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", package, "public-api.txt"]
        .iter()
        .collect();
    let listing = match listing(package) {
        Ok(listing) => listing,
        Err(error) if env::var_os("CI").is_some() => panic!("{package}: {error}"),
        Err(error) => return eprintln!("skipped: this toolchain lists no API: {error}"),
    };
    if env::var_os("UPDATE_PUBLIC_API").is_some() {
        fs::write(&recorded, &listing).expect("the listing can be written");
    }
    let recorded = fs::read_to_string(&recorded).unwrap_or_default();
    let changed: Vec<String> = difference(&recorded, &listing, '-')
        .chain(difference(&listing, &recorded, '+'))
        .collect();
    assert!(
        changed.is_empty(),
        "the public API of {package} is not the one listed (UPDATE_PUBLIC_API=1 lists it anew):\n{}",
        changed.join("\n")
    );
}

/// The lines of `one` that `other` lacks, marked.
fn difference<'a>(one: &'a str, other: &'a str, mark: char) -> impl Iterator<Item = String> + 'a {
    one.lines()
        .filter(|line| !other.lines().any(|same| same == *line))
        .map(move |line| format!("{mark} {line}"))
}

#[test]
fn carp_proto_offers_what_is_listed() {
    check("carp-proto");
}

#[test]
fn carp_fsm_offers_what_is_listed() {
    check("carp-fsm");
}

#[test]
fn carp_net_offers_what_is_listed() {
    check("carp-net");
}
