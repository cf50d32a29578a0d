//! Selects the files of a directory that are uploaded to MLflow, and their paths there.

use crate::plan::Refusal;
use glob::Pattern;
use std::fs;
use std::path::{Path, PathBuf};

/// Glob patterns of the files to upload.
#[derive(Clone, Debug)]
pub(super) struct Files(Vec<Pattern>);

impl Files {
    /// The files that match the user's patterns; by default, all that a run and its plots produce.
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

/// Files below a directory, relative to the root. Symbolic links are not followed.
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
    // Paths with special components are left out.
    text.split('/').try_for_each(store::check_name).ok()?;
    let is_plot = path.extension().is_some_and(|kind| PLOTS.iter().any(|plot| kind == *plot));
    Some(if is_plot {
        format!("plots/{}", text.strip_prefix("plots/").unwrap_or(text))
    } else {
        format!("exports/{text}")
    })
}

/// AIPerf's default patterns.
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
/// Maximum depth of directories.
const DEPTH_MAX: usize = 4;
/// A limit that no run reaches.
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
    fn plots_and_exports_have_separate_paths() {
        assert_eq!(
            names(&[]),
            ["exports/a.json", "exports/b.parquet", "plots/c.png"],
            "all that a run produces"
        );
        assert_eq!(
            names(&["**/*.txt"]),
            ["exports/plots/log.txt", "exports/run.txt"],
            "matches of the user's pattern"
        );
        assert!(Files::new(&["[".to_owned()]).is_err(), "not a pattern");
    }
}
