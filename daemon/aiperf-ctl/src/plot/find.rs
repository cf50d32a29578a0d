//! Finds runs below directories, by AIPerf's rules: one run is plotted over its time, several are compared.
//!
//! A directory is a run if it has a summary of ours or AIPerf's (AIPerf's own rule needs records too), or the aggregate of repeated runs. Below a directory with
//! `aggregate/` the runs of `profile_runs/` are left out, for the aggregate stands for them, unless it is the only one; and an
//! aggregate is left out whose only run is beside it.

use crate::plan::Refusal;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory with a run, or with the aggregate of several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunDir {
    pub(super) path: PathBuf,
    pub(super) is_aggregate: bool,
}

/// The runs below these paths, each once, in the order of their paths.
///
/// # Errors
/// When a path is no directory, or there is no run below it.
pub(super) fn runs(paths: &[PathBuf]) -> Result<Vec<RunDir>, Refusal> {
    let mut all = BTreeSet::new();
    let mut known = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            return Err(Refusal(format!(
                "`{}` is not a directory: give artifact directories",
                path.display()
            )));
        }
        let mut search = Search { seen: BTreeSet::new(), looked_at: 0, found: Vec::new() };
        search.below(path, 0)?;
        if search.found.is_empty() {
            return Err(Refusal(format!(
                "`{}` has no run: a run has requests.parquet, or AIPerf's profile_export_aiperf.json",
                path.display()
            )));
        }
        for run in search.found {
            let real = fs::canonicalize(&run.path).unwrap_or_else(|_| run.path.clone());
            if known.insert(real) {
                all.insert(run);
            }
        }
    }
    let all = all.into_iter().collect::<Vec<_>>();
    if let [RunDir { path, is_aggregate: true }] = all.as_slice() {
        // One load that was repeated: its runs say more than their mean.
        let runs =
            trials(path).into_iter().map(|path| RunDir { path, is_aggregate: false }).collect::<Vec<_>>();
        if !runs.is_empty() {
            return Ok(runs);
        }
    }
    Ok(all)
}

/// The directories of the runs that an aggregate is of; empty if they are not there.
pub(super) fn trials(aggregate: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| path.parent().map(Path::to_owned);
    let is_named = |path: &Path| path.file_name().is_some_and(|name| name == AGGREGATE);
    let (above, cell) = match (is_named(aggregate), parent(aggregate)) {
        (true, Some(above)) => (above, None),
        (false, Some(above)) if is_named(&above) => {
            (parent(&above).unwrap_or_default(), aggregate.file_name().map(PathBuf::from))
        }
        _ => return Vec::new(),
    };
    let runs = folders(&above.join(RUNS)).into_iter();
    let runs = runs.map(|run| cell.as_ref().map_or_else(|| run.clone(), |cell| run.join(cell)));
    runs.filter(|run| has(run, SUMMARY)).take(TRIALS_MAX).collect()
}

struct Search {
    /// Where links have led to already.
    seen: BTreeSet<PathBuf>,
    looked_at: usize,
    found: Vec<RunDir>,
}

impl Search {
    fn below(&mut self, path: &Path, depth: usize) -> Result<(), Refusal> {
        let is_new = fs::canonicalize(path).is_ok_and(|real| self.seen.insert(real));
        if !is_new || depth > DEPTH_MAX {
            return Ok(());
        }
        self.looked_at += 1;
        if self.looked_at > FOLDERS_MAX || self.found.len() > RUNS_MAX {
            let more = format!(
                "`{}` is in a tree of more than {FOLDERS_MAX} directories or {RUNS_MAX} runs",
                path.display()
            );
            return Err(Refusal(format!("{more}: give the directories of the runs to compare")));
        }
        let is_run = has(path, SUMMARY) || has(path, OURS);
        let is_aggregate = !is_run && has(path, AGGREGATE_SUMMARY) && !is_of_one_run(path);
        if is_run || is_aggregate {
            self.found.push(RunDir { path: path.to_owned(), is_aggregate });
        }
        let has_aggregate = path.join(AGGREGATE).is_dir();
        for folder in folders(path) {
            let name = folder.file_name().unwrap_or_default();
            let is_left_out = (name == RUNS && has_aggregate)
                || (name == PHASES && is_run)
                || (name == AGGREGATE && has(path, SEARCH));
            if !is_left_out {
                self.below(&folder, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// Whether the run that an aggregate is of stands beside it.
fn is_of_one_run(aggregate: &Path) -> bool {
    let name = aggregate.file_name().unwrap_or_default();
    let above = aggregate.parent();
    let beside = if name == AGGREGATE { above.map(Path::to_owned) } else { None };
    let in_aggregate = above.filter(|above| above.file_name().is_some_and(|name| name == AGGREGATE));
    let beside = beside.or_else(|| Some(in_aggregate?.parent()?.join(name)));
    beside.is_some_and(|run| has(&run, SUMMARY) || has(&run, OURS))
}

fn has(folder: &Path, name: &str) -> bool {
    folder.join(name).is_file() || folder.join(format!("{name}.gz")).is_file()
}

/// The directories in one, by name.
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders = entries.filter(|path| path.is_dir()).collect::<Vec<_>>();
    folders.sort();
    folders
}

/// AIPerf's summary of a run, also ours.
pub(super) const SUMMARY: &str = "profile_export_aiperf.json";
/// That of several runs.
pub(super) const AGGREGATE_SUMMARY: &str = "profile_export_aiperf_aggregate.json";
/// Our records.
pub(super) const OURS: &str = "requests.parquet";
const AGGREGATE: &str = "aggregate";
const RUNS: &str = "profile_runs";
/// A search has each of its runs in a directory of its own.
const SEARCH: &str = "search_history.json";
/// The results of a run's phases are no runs.
const PHASES: &str = "phases";
const DEPTH_MAX: usize = 12;
const FOLDERS_MAX: usize = 100_000;
const RUNS_MAX: usize = 2_000;
const TRIALS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for file in files {
            let path = tree.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        tree
    }

    fn run(at: &str) -> [String; 2] {
        [format!("{at}/profile_export.jsonl"), format!("{at}/{SUMMARY}")]
    }

    #[track_caller]
    fn check(files: &[String], expected: &[&str]) {
        let files = files.iter().map(String::as_str).collect::<Vec<_>>();
        let tree = tree(&files);
        let found = runs(&[tree.path().to_owned()]).unwrap();
        let names =
            found.iter().map(|run| run.path.strip_prefix(tree.path()).unwrap().to_str().unwrap().to_owned());
        assert_eq!(names.collect::<Vec<_>>(), expected, "{files:?}");
    }

    #[test]
    fn runs_are_found_by_aiperfs_rules() {
        let aggregate = |at: &str| vec![format!("{at}/{AGGREGATE_SUMMARY}")];
        check(&[run("a").to_vec(), run("b/c").to_vec()].concat(), &["a", "b/c"]);
        check(
            &[run("phases/x").to_vec(), run("a").to_vec(), run("a/phases/warmup").to_vec()].concat(),
            &["a", "phases/x"],
        );
        check(&["ours/requests.parquet".to_owned()], &["ours"]);
        // Repeated runs: their aggregate stands for them, unless it is alone.
        let repeated = |at: &str| {
            let runs =
                ["run_0001", "run_0002"].map(|name| run(&format!("{at}/profile_runs/{name}")).to_vec());
            [runs.concat(), aggregate(&format!("{at}/aggregate"))].concat()
        };
        check(&repeated("a"), &["a/profile_runs/run_0001", "a/profile_runs/run_0002"]);
        check(&[repeated("a"), repeated("b")].concat(), &["a/aggregate", "b/aggregate"]);
        check(&[run("s/profile_runs/run_0001").to_vec()].concat(), &["s/profile_runs/run_0001"]);
        // A search.
        check(
            &[
                run("search_iter_0000/profile_runs/run_0001").to_vec(),
                aggregate("aggregate/concurrency_1"),
                vec!["search_history.json".to_owned()],
            ]
            .concat(),
            &["search_iter_0000/profile_runs/run_0001"],
        );
        // A sweep of single runs, each with an aggregate of its own in either layout.
        check(
            &[
                run("c_1").to_vec(),
                aggregate("aggregate/c_1"),
                run("c_2").to_vec(),
                aggregate("c_2/aggregate"),
            ]
            .concat(),
            &["c_1", "c_2"],
        );
    }

    #[test]
    fn each_run_is_found_once() {
        let files = [run("a").to_vec()].concat();
        let tree = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        std::os::unix::fs::symlink(tree.path(), tree.path().join("again")).unwrap();
        let path = tree.path().to_owned();
        assert_eq!(runs(&[path.clone(), path.join("a"), path]).unwrap().len(), 1, "by three ways");
    }

    #[test]
    fn the_runs_of_an_aggregate_are_found() {
        let files =
            [run("profile_runs/trial_0001/c_4").to_vec(), run("c_5/profile_runs/run_0001").to_vec()].concat();
        let tree = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let check = |at: &str, expected: &str| {
            assert_eq!(trials(&tree.path().join(at)), [tree.path().join(expected)], "{at}");
        };
        check("aggregate/c_4", "profile_runs/trial_0001/c_4");
        check("c_5/aggregate", "c_5/profile_runs/run_0001");
        assert!(trials(&tree.path().join("c_5")).is_empty(), "no aggregate");
    }

    #[test]
    fn what_is_no_run_is_refused() {
        let tree = tree(&["notes.txt"]);
        let check = |path: &Path, expected: &str| {
            let refused = runs(&[path.to_owned()]).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        };
        check(tree.path(), "has no run");
        check(&tree.path().join("none"), "is not a directory");
    }
}
