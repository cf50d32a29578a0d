//! Which files of a directory go to MLflow, and how they are called there.

use crate::plan::Refusal;
use glob::Pattern;
use std::fs;
use std::path::{Path, PathBuf};

/// Patterns of the files that are wanted.
#[derive(Clone, Debug)]
pub(super) struct Files(Vec<Pattern>);

impl Files {
    /// The files that the user's patterns name; without any, all that a run and its plots leave.
    pub(super) fn new(given: &[String]) -> Result<Self, Refusal> {
        let given = given.iter().map(String::as_str).collect::<Vec<_>>();
        let patterns = if given.is_empty() { DEFAULT } else { &given };
        let pattern = |pattern: &&str| {
            Pattern::new(pattern)
                .map_err(|error| Refusal(format!("--mlflow-artifact-glob `{pattern}`: {error}")))
        };
        Ok(Self(patterns.iter().map(pattern).collect::<Result<_, _>>()?))
    }

    /// Their paths in the directory, each with its path in MLflow, in order.
    pub(super) fn of(&self, directory: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        walk(directory, directory, DEPTH_MAX, &mut found);
        found.sort();
        let wanted = |path: &PathBuf| self.0.iter().any(|pattern| pattern.matches_path(path));
        let found = found.into_iter().filter(wanted).take(FILES_MAX);
        found.filter_map(|path| Some((directory.join(&path), name(&path)?))).collect()
    }
}

/// Files below a directory, relative to where it began. No link is followed.
fn walk(root: &Path, directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            walk(root, &path, depth - 1, found);
        } else if kind.is_file() {
            found.extend(path.strip_prefix(root).ok().map(Path::to_owned));
        }
    }
}

fn name(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    // What is no ordinary name is none there either.
    text.split('/').try_for_each(export::check_name).ok()?;
    let is_plot = path.extension().is_some_and(|kind| PLOTS.iter().any(|plot| kind == *plot));
    Some(if is_plot {
        format!("plots/{}", text.strip_prefix("plots/").unwrap_or(text))
    } else {
        format!("exports/{text}")
    })
}

/// AIPerf's.
const DEFAULT: &[&str] = &[
    "*.json",
    "*.csv",
    "*.jsonl",
    "*.parquet",
    "**/*.png",
    "**/*.jpg",
    "**/*.jpeg",
    "**/*.svg",
    "**/*.html",
];
const PLOTS: &[&str] = &["png", "jpg", "jpeg", "svg", "html"];
/// Directories within each other that are looked into.
const DEPTH_MAX: usize = 4;
/// More files than any run leaves.
const FILES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(patterns: &[&str]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("plots")).unwrap();
        for file in ["a.json", "b.parquet", "run.txt", "plots/c.png", "plots/log.txt"] {
            fs::write(directory.path().join(file), b"x").unwrap();
        }
        let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
        let found = Files::new(&patterns).unwrap().of(directory.path());
        found.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn pictures_and_exports_have_places_of_their_own() {
        assert_eq!(
            names(&[]),
            ["exports/a.json", "exports/b.parquet", "plots/c.png"],
            "all that a run leaves"
        );
        assert_eq!(names(&["**/*.txt"]), ["exports/plots/log.txt", "exports/run.txt"], "what the user names");
        assert!(Files::new(&["[".to_owned()]).is_err(), "what is no pattern");
    }
}
