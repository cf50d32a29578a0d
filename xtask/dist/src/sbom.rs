//! What the programs are made of, for others to check: a CycloneDX bill of materials, and every licence's text.

use crate::metadata::{Crates, Package};
use crate::project::Project;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

/// The bill of materials, as CycloneDX 1.5 in JSON.
pub(crate) fn cyclonedx(crates: &Crates, project: &Project, checksums: &BTreeMap<String, String>) -> String {
    let product = json!({
        "type": "application", "bom-ref": "aiperfd", "name": "aiperfd", "version": project.version,
        "licenses": [{ "expression": "Apache-2.0" }],
    });
    let components = crates.packages.iter().map(|package| component(package, checksums));
    let depends = crates.needs.iter().map(|(place, needs)| {
        let needs = needs.iter().map(|need| reference(&crates.packages[*need])).collect::<Vec<_>>();
        json!({ "ref": reference(&crates.packages[*place]), "dependsOn": needs })
    });
    let bill = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": { "timestamp": date(project.time), "component": product },
        "components": components.collect::<Vec<_>>(),
        "dependencies": depends.collect::<Vec<_>>(),
    });
    format!("{bill:#}\n")
}

/// The SHA-256 of each crate's archive by `name version`, as Cargo.lock has them.
pub(crate) fn checksums(lock: &str) -> BTreeMap<String, String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.map(|rest| rest.trim_end_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]").skip(1).filter_map(|block| {
        let name = format!("{} {}", value(block, "name")?, value(block, "version")?);
        Some((name, value(block, "checksum")?))
    });
    blocks.collect()
}

/// Every licence of everything in the programs, each text once.
pub(crate) fn licences(crates: &Crates) -> Result<String> {
    let mut text = String::from(HEAD);
    let mut texts = BTreeMap::<String, Vec<String>>::new();
    let foreign = crates.packages.iter().filter(|package| package.source.is_some());
    for package in foreign {
        let name = format!("{} {}", package.name, package.version);
        writeln!(text, "  {name}: {}", package.license.as_deref().unwrap_or("see its text below")).ok();
        for path in licence_files(package)? {
            let bytes = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
            let of = texts.entry(plain(&String::from_utf8_lossy(&bytes))).or_default();
            if of.last() != Some(&name) {
                of.push(name.clone());
            }
        }
    }
    // In the order of the first crate that has them.
    let mut texts = texts.into_iter().map(|(text, of)| (of, text)).collect::<Vec<_>>();
    texts.sort();
    for (of, licence) in texts {
        write!(text, "\n{}\n{}\n\n{licence}\n", "-".repeat(80), of.join(", ")).ok();
    }
    Ok(text)
}

fn component(package: &Package, checksums: &BTreeMap<String, String>) -> Value {
    let name = format!("{} {}", package.name, package.version);
    let mut component = json!({
        "type": "library", "bom-ref": reference(package), "name": package.name, "version": package.version,
    });
    if let Some(license) = &package.license {
        // Before SPDX had expressions crates wrote `MIT/Apache-2.0`.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(description) = &package.description {
        component["description"] = json!(description.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    if package.source.is_some() {
        component["purl"] = json!(reference(package));
    }
    if let Some(checksum) = checksums.get(&name) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// What a crate is called: a package URL.
fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

/// Files of a crate with its licence, copyright or notices.
fn licence_files(package: &Package) -> Result<Vec<PathBuf>> {
    let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
    let mut files = package.license_file.iter().map(|file| folder.join(file)).collect::<Vec<_>>();
    let entries = fs::read_dir(folder).with_context(|| format!("failed to read `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            files.push(path);
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Without spaces at the ends of lines and empty lines around, so that equal texts are equal.
fn plain(text: &str) -> String {
    let lines = text.lines().map(str::trim_end).collect::<Vec<_>>();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// A moment as people and CycloneDX write it.
fn date(seconds: u64) -> String {
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = calendar(day);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day since 1970.
pub(crate) fn calendar(mut day: u64) -> (u64, u64, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

const NAMES: &[&str] = &["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
const HEAD: &str = "\
aiperfd is licensed under the Apache License 2.0: see LICENSE. Its programs contain Rust's standard library (MIT OR
Apache-2.0), LLVM's libunwind and compiler-rt (Apache-2.0 WITH LLVM-exception), and these crates.
Texts follow the list; each stands once, under the names of those that it belongs to.

";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata;

    fn project() -> Project {
        let nowhere = PathBuf::from("nowhere");
        Project { root: nowhere.clone(), target: nowhere, version: "1.2.3".to_owned(), time: 1_709_210_096 }
    }

    #[test]
    fn the_bill_has_what_cyclonedx_wants() {
        let lock = "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"x\"\nchecksum = \"abc\"\n";
        let text = cyclonedx(&metadata::example(), &project(), &checksums(lock));
        let bill: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&json!("CycloneDX"), &json!("1.5")));
        assert_eq!(bill["metadata"]["timestamp"], "2024-02-29T12:34:56Z", "the commit's time");
        assert_eq!(bill["metadata"]["component"]["version"], "1.2.3");
        let serde = &bill["components"][0];
        assert_eq!(serde["purl"], "pkg:cargo/serde@1.0.0");
        assert_eq!(serde["hashes"][0]["content"], "abc", "of Cargo.lock");
        assert_eq!(serde["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["components"][1].get("purl"), None, "ours is in no registry");
        assert_eq!(bill["dependencies"][1]["dependsOn"], json!(["pkg:cargo/serde@1.0.0"]));
    }

    #[test]
    fn days_have_dates() {
        let check = |day: u64, expected: (u64, u64, u64)| assert_eq!(calendar(day), expected, "day {day}");
        check(0, (1970, 1, 1));
        check(19_782, (2024, 2, 29));
        check(20_453, (2025, 12, 31));
    }

    #[test]
    fn equal_texts_are_equal() {
        assert_eq!(plain("\n a  \r\nb\n\n"), " a\nb", "ends of lines and of the text");
    }
}
