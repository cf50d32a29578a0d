//! Dependencies that no code of their crate names: they are compiled for nothing.

use super::Violation;
use super::source::{Files, has_word};
use std::collections::BTreeSet;

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let manifests = files.iter().filter(|(path, _)| path.ends_with("Cargo.toml"));
    let mut found = manifests.flat_map(|(path, file)| unused(path, &file.text, files)).collect::<Vec<_>>();
    found.extend(not_shared(files));
    found
}

/// What the workspace offers and no crate takes.
fn not_shared(files: &Files) -> Vec<Violation> {
    let Some(workspace) = files.get("Cargo.toml") else { return Vec::new() };
    let manifests = files.iter().filter(|(path, _)| path.ends_with("Cargo.toml"));
    let taken = manifests.flat_map(|(_, file)| {
        let shared = |(line, _): &(usize, &str)| {
            file.text.lines().nth(line - 1).is_some_and(|line| line.contains("workspace = true"))
        };
        named(&file.text, |table| table.ends_with("dependencies]")).filter(shared).map(|(_, name)| name)
    });
    let taken = taken.collect::<BTreeSet<_>>();
    let offered = named(&workspace.text, |table| table == "[workspace.dependencies]");
    let lost = offered.filter(|(_, name)| !taken.contains(name));
    lost.map(|(line, name)| Violation::new("Cargo.toml", line, format!("no crate takes `{name}`: remove it")))
        .collect()
}

fn unused(path: &str, manifest: &str, files: &Files) -> Vec<Violation> {
    let folder = path.strip_suffix("Cargo.toml").unwrap_or_default();
    let code = code_of(folder, files);
    let unused = dependencies(manifest).filter(|(_, name)| {
        let word = imported_as(name, files);
        !ONLY_LINKED.contains(name) && !code.iter().any(|code| has_word(code, &word))
    });
    let message = |name| format!("no code of this crate names `{name}`: remove it");
    unused.map(|(line, name)| Violation::new(path, line, message(name))).collect()
}

/// The code below a folder, without that of crates which lie in it.
fn code_of<'a>(folder: &str, files: &'a Files) -> Vec<&'a str> {
    let nested = files.keys().filter_map(|path| path.strip_suffix("Cargo.toml"));
    let nested = nested.filter(|other| other.starts_with(folder) && *other != folder).collect::<Vec<_>>();
    let own = files.iter().filter(|(path, _)| {
        let is_of_nested = nested.iter().any(|other| path.starts_with(other));
        path.ends_with(".rs") && path.starts_with(folder) && (!is_of_nested || is_program(folder, path))
    });
    own.map(|(_, file)| file.code.as_str()).collect()
}

/// The programs of the package at the top lie in the folders of the crates that they are made of.
fn is_program(folder: &str, path: &str) -> bool {
    folder.is_empty() && path.ends_with("/main.rs")
}

/// What code calls a package.
fn imported_as(name: &str, files: &Files) -> String {
    let renamed = RENAMED.iter().find(|(package, _)| *package == name).map(|(_, lib)| *lib);
    let ours = files.iter().filter(|(path, _)| path.ends_with("Cargo.toml"));
    let library = ours.filter(|(_, file)| file.text.contains(&format!("\nname = \"{name}\"\n"))).find_map(
        |(_, file)| {
            let library = file.text.split("\n[lib]\n").nth(1)?;
            library.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        },
    );
    renamed.or(library).unwrap_or(name).replace('-', "_")
}

/// The names in a crate's tables of dependencies, with their lines. What the workspace offers is used where a crate takes it.
fn dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    named(manifest, |table| table.ends_with("dependencies]") && !table.contains("workspace"))
}

/// The names in some tables of a manifest, with their lines.
fn named(manifest: &str, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    manifest.lines().zip(1..).filter_map(move |(line, number)| {
        if line.starts_with('[') {
            inside = is_wanted(line.trim());
            return None;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        (inside && !name.is_empty() && !name.starts_with('#')).then_some((number, name))
    })
}

/// Packages that code calls otherwise.
const RENAMED: &[(&str, &str)] = &[("rustls-webpki", "webpki")];
/// Packages that are there for what linking them does.
const ONLY_LINKED: &[&str] = &[];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::files;

    #[test]
    fn a_dependency_that_nothing_names_is_found() {
        let given = files(&[
            (
                "a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nused-here.workspace = true\nb = \"1\"\nrustls-webpki = \"0\"\nlost = \"1\"\n\
                 [dev-dependencies]\ntested = \"1\"\nnested-only = \"1\"\n[lints]\nworkspace = true\n",
            ),
            (
                "Cargo.toml",
                "[workspace.dependencies]\nused-here = \"1\"\nnobodys = \"1\"\n[profile.dev.package]\nx = 1\n",
            ),
            ("a/src/lib.rs", "use used_here::x; fn f() { bee::g(); webpki::h() } // lost\n"),
            ("a/tests/t.rs", "tested::f();"),
            ("a/b/Cargo.toml", "[package]\nname = \"b\"\n\n[lib]\nname = \"bee\"\n"),
            ("a/b/src/lib.rs", "nested_only::f();"),
        ]);
        let found = check(&given);
        let lines = found.iter().map(|one| (one.file.as_str(), one.line)).collect::<Vec<_>>();
        assert_eq!(lines, [("a/Cargo.toml", 7), ("a/Cargo.toml", 10), ("Cargo.toml", 3)], "{found:?}");
    }
}
