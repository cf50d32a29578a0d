//! `cargo xtask tidy`: the rules of this repository that no compiler checks. Also a test.
//!
//! ```text
//! files on disk ──▶ source.rs: text, and code without comments and strings ──▶ each check ──▶ file:line: message
//! ```
//!
//! Each check is a pure function over the files; a new one is a file here and a line in [`CHECKS`].

mod api;
mod bans;
mod dependencies;
mod documents;
mod hot;
mod imports;
mod names;
mod registries;
mod source;
mod words;

use crate::project::Project;
use crate::say::say;
use anyhow::{Result, bail};
use source::{Files, read_files};
use std::path::Path;

/// A rule that a line breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// The file, from the repository's top folder.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

type Check = fn(&Files) -> Vec<Violation>;

/// Every check.
const CHECKS: &[Check] = &[
    imports::check,
    names::check,
    hot::check,
    bans::check,
    dependencies::check,
    registries::check,
    api::check,
    documents::check,
    words::check,
];

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    check_folder(&project.root)
}

/// Holds the rules against a copy of the repository.
pub(crate) fn check_folder(root: &Path) -> Result<()> {
    let files = read_files(root)?;
    let violations = violations(&files);
    for violation in &violations {
        say(&format!("{}:{}: {}", violation.file, violation.line, violation.message));
    }
    if violations.is_empty() {
        say(&format!("{} files are tidy", files.len()));
        return Ok(());
    }
    bail!("{} violations", violations.len())
}

fn violations(files: &Files) -> Vec<Violation> {
    let mut found = CHECKS.iter().flat_map(|check| check(files)).collect::<Vec<_>>();
    found.sort();
    found.dedup();
    found
}

impl Violation {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let files = read_files(&crate::project::root().unwrap()).unwrap();
        let found = violations(&files);
        let lines = found.iter().map(|one| format!("{}:{}: {}", one.file, one.line, one.message));
        assert!(found.is_empty(), "{}", lines.collect::<Vec<_>>().join("\n"));
    }
}
