//! `cargo xtask check-dependencies`: where the packages that the programs are made of come from, and under which licences. A package
//! that is there in several versions is a warning.

use crate::project::Project;
use crate::say::say;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use spdx::{Expression, LicenseReq};
use std::collections::{BTreeMap, BTreeSet};

/// What `cargo metadata` prints, as far as it matters.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// Nothing for our own.
    source: Option<String>,
    license: Option<String>,
}

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM];
    let output = project.cargo().args(arguments).output().context("failed to start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata =
        serde_json::from_slice::<Metadata>(&output.stdout).context("failed to read cargo metadata")?;
    let packages = &metadata.packages;
    for warning in duplicates(packages) {
        say(&format!("warning: {warning}"));
    }
    let problems = packages.iter().filter_map(problem).collect::<Vec<_>>();
    for problem in &problems {
        say(problem);
    }
    if problems.is_empty() {
        say(&format!("{} packages come from crates.io under licences that are allowed", packages.len()));
        return Ok(());
    }
    bail!("{} packages may not be used", problems.len())
}

/// Why a package may not be used.
fn problem(package: &Package) -> Option<String> {
    let Package { name, version, source, license } = package;
    if source.as_ref().is_some_and(|source| source != CRATES_IO) {
        return Some(format!("{name} {version} comes from {}", source.as_deref().unwrap_or_default()));
    }
    let license = license.as_deref().unwrap_or("no licence");
    (!is_allowed(license))
        .then(|| format!("{name} {version} has the licence `{license}`, which is not in the list"))
}

/// Whether a package under these licences may be used; old manifests separate alternatives by a slash.
fn is_allowed(license: &str) -> bool {
    let is_known = |required: &LicenseReq| {
        let shown = required.license.to_string();
        ALLOWED.contains(&shown.as_str())
    };
    Expression::parse(&license.replace('/', " OR ")).is_ok_and(|parsed| parsed.evaluate(is_known))
}

/// Packages of which there are several versions.
fn duplicates(packages: &[Package]) -> Vec<String> {
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for package in packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    let shown = |versions: BTreeSet<&str>| versions.into_iter().collect::<Vec<_>>().join(", ");
    several.map(|(name, versions)| format!("{name} is there as {}", shown(versions))).collect()
}

const PLATFORM: &str = "x86_64-unknown-linux-gnu";
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Licences that ask for no more than their text and a notice.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, source: Option<&str>, license: &str) -> Package {
        let [name, version, license] = [name, version, license].map(str::to_owned);
        Package { name, version, source: source.map(str::to_owned), license: Some(license) }
    }

    #[test]
    fn licences_are_alternatives_or_all() {
        assert!(is_allowed("MIT OR Apache-2.0") && is_allowed("MIT/Apache-2.0"), "either");
        assert!(is_allowed("(MIT OR GPL-3.0-only) AND Unicode-3.0"), "one of two, and another");
        assert!(!is_allowed("MIT AND GPL-3.0-only"), "both");
        assert!(!is_allowed("no licence"), "none");
    }

    #[test]
    fn packages_of_elsewhere_are_refused() {
        assert_eq!(problem(&package("a", "1", None, "Apache-2.0")), None, "ours");
        assert_eq!(problem(&package("a", "1", Some(CRATES_IO), "MIT")), None, "of crates.io");
        let found = problem(&package("a", "1", Some("git+https://b"), "MIT"));
        assert_eq!(found.as_deref(), Some("a 1 comes from git+https://b"), "of elsewhere");
    }

    #[test]
    fn several_versions_are_named() {
        let packages = ["1", "2", "2"].map(|version| package("a", version, None, "MIT"));
        assert_eq!(duplicates(&packages), ["a is there as 1, 2"], "once");
    }
}
