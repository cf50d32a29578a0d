//! Which crate may import which: the table below, which docs/ARCHITECTURE.md shows, held against each Cargo.toml.

use super::Violation;
use super::source::Files;
use std::collections::BTreeMap;

/// What a crate may import of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// These, which may be none.
    Import(&'static [&'static str]),
    /// Everything: nobody imports it.
    ImportAll,
}

/// The table. Imports point at the nouns.
const TABLE: &[(&str, May)] = &[
    ("aiperfd-suite", May::Import(&["aiperf-ctl", "aiperf-loadgen", "aiperfd", "build-info"])),
    ("common", May::Import(&[])),
    ("clock", May::Import(&["common"])),
    ("spec", May::Import(&["common"])),
    ("aiperfd-ebpf", May::Import(&["common"])),
    ("record", May::Import(&["common", "spec"])),
    ("build-info", May::Import(&["record"])),
    ("doctor", May::Import(&["record"])),
    ("experiment", May::Import(&[])),
    ("picture", May::Import(&[])),
    ("aiperfd-plugin", May::Import(&[])),
    ("join", May::Import(&["common", "record"])),
    ("statistics", May::Import(&[])),
    ("metric", May::Import(&["common", "record", "spec", "statistics"])),
    ("store", May::Import(&["common", "record"])),
    ("export", May::Import(&["common", "metric", "picture", "record", "spec", "store"])),
    ("import", May::Import(&["common", "endpoint", "metric", "record", "spec", "store", "tokenizer"])),
    ("control", May::Import(&["common", "record", "spec"])),
    ("tokenizer", May::Import(&["common"])),
    ("endpoint", May::Import(&["common", "spec"])),
    ("aiperf-loadgen", May::Import(&["clock", "common", "endpoint", "spec", "tokenizer"])),
    ("gpu", May::Import(&["common", "record"])),
    (
        "aiperfd",
        May::Import(&[
            "clock", "common", "control", "doctor", "gpu", "join", "metric", "record", "spec", "store",
        ]),
    ),
    ("telemetry-in", May::Import(&["common", "record", "spec", "store"])),
    ("telemetry-out", May::Import(&["common", "control", "metric", "spec"])),
    (
        "aiperf-ctl",
        May::Import(&[
            "aiperfd-plugin",
            "clock",
            "common",
            "control",
            "doctor",
            "endpoint",
            "experiment",
            "export",
            "import",
            "metric",
            "picture",
            "record",
            "spec",
            "statistics",
            "store",
            "telemetry-in",
            "telemetry-out",
            "tokenizer",
        ]),
    ),
    ("mock-server", May::Import(&[])),
    ("xtask", May::Import(&[])),
    ("dist", May::Import(&[])),
    (OTHER_TESTS, May::ImportAll),
];

/// Every crate below `tests/` that has no row of its own.
const OTHER_TESTS: &str = "tests/*";
const DOCUMENT: &str = "docs/ARCHITECTURE.md";

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, file) in files.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        if let Some(name) = package_name(&file.text) {
            found.extend(manifest(path, name, &file.text));
        }
    }
    let text = files.get(DOCUMENT).map_or("", |file| file.text.as_str());
    found.extend(document(text));
    found
}

fn manifest(path: &str, name: &str, text: &str) -> Vec<Violation> {
    let row = TABLE.iter().find(|(of, _)| *of == name);
    let allowed = match row {
        Some((_, May::Import(allowed))) => *allowed,
        Some((_, May::ImportAll)) => return Vec::new(),
        None if path.starts_with("tests/") => return Vec::new(),
        None => {
            let message =
                format!("the crate `{name}` has no row in the import table (xtask/src/tidy/imports.rs)");
            return vec![Violation::new(path, 1, message)];
        }
    };
    let ours = dependencies(text).filter(|(_, import)| TABLE.iter().any(|(name, _)| name == import));
    ours.filter(|(_, import)| !allowed.contains(import))
        .map(|(line, import)| {
            Violation::new(path, line, format!("`{name}` may not import `{import}`: see {DOCUMENT}"))
        })
        .collect()
}

fn package_name(manifest: &str) -> Option<&str> {
    let package = manifest.split("[package]").nth(1)?;
    package.lines().find_map(|line| line.strip_prefix("name = ")).map(|name| name.trim_matches('"'))
}

/// The names in `[dependencies]` with their lines.
fn dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    manifest.lines().zip(1..).filter_map(move |(line, number)| {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
            return None;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        (inside && !name.is_empty() && !name.starts_with('#')).then_some((number, name))
    })
}

/// The document's table must be the one above.
fn document(text: &str) -> Vec<Violation> {
    let shown = rows(text);
    let mut found = Vec::new();
    for (name, may) in TABLE {
        let expected = match may {
            May::Import([]) => "nothing".to_owned(),
            May::Import(names) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            May::ImportAll => "everything".to_owned(),
        };
        match shown.get(name) {
            Some((_, cell)) if *cell == expected => {}
            Some((line, _)) => {
                found.push(Violation::new(
                    DOCUMENT,
                    *line,
                    format!("the row of `{name}` must say {expected}"),
                ));
            }
            None => {
                found.push(Violation::new(DOCUMENT, 1, format!("the import table has no row of `{name}`")))
            }
        }
    }
    let known = |name: &str| TABLE.iter().any(|(known, _)| *known == name);
    found.extend(shown.iter().filter(|(name, _)| !known(name)).map(|(name, (line, _))| {
        Violation::new(
            DOCUMENT,
            *line,
            format!("the import table has a row of `{name}`, which xtask does not know"),
        )
    }));
    found
}

/// The rows between the markers: crate, line, what it may import.
fn rows(text: &str) -> BTreeMap<&str, (usize, &str)> {
    let lines = text.lines().zip(1..).skip_while(|(line, _)| *line != "<!-- imports -->");
    let rows = lines.take_while(|(line, _)| *line != "<!-- /imports -->").filter_map(|(line, number)| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some((cells.next()?.trim_end_matches('`'), (number, cells.next()?)))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(manifest_text: &str, expected: &[(usize, &str)]) {
        let name = package_name(manifest_text).unwrap();
        let found = manifest("x/Cargo.toml", name, manifest_text);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (one, (line, text)) in found.iter().zip(expected) {
            assert!(one.line == *line && one.message.contains(text), "{one:?}");
        }
    }

    #[test]
    fn edges() {
        let join = "[package]\nname = \"join\"\n[dependencies]\ncommon.workspace = true\nmetric = { path = \"x\" }\n";
        check(join, &[(5, "`join` may not import `metric`")]);
        check(
            "[package]\nname = \"join\"\n[dependencies]\nserde = \"1\"\n[dev-dependencies]\nmetric.workspace = true\n",
            &[],
        );
        check("[package]\nname = \"new\"\n", &[(1, "no row")]);
    }

    #[test]
    fn the_document_shows_the_table() {
        let text =
            "<!-- imports -->\n| `common` | `join` |\n| `lost` | nothing |\n<!-- /imports -->\n| `x` | y |\n";
        let found = document(text);
        let says =
            |line: usize, text: &str| found.iter().any(|one| one.line == line && one.message.contains(text));
        assert!(says(2, "`common` must say nothing"), "a wrong row: {found:?}");
        assert!(says(3, "`lost`"), "a row too many: {found:?}");
        assert!(says(1, "no row of `join`"), "a missing row: {found:?}");
        assert!(!found.iter().any(|one| one.message.contains("`x`")), "another table: {found:?}");
    }
}
