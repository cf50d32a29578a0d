//! Removes an earlier run's artifacts from a directory before a new run writes its own, so that all files are of one run. Only
//! file names that runs write are removed; other files are kept.

use crate::observer::adaptive_scale::{EVENTS, MANIFEST, SUMMARY};
use crate::plugin::{RESULTS as PLUGIN_RESULTS, is_log};
use crate::report::RUN_BYTES_MAX;
use anyhow::{Context, Result};
use control::RUN_FILES;
use export::EXPORTERS;
use serde_json::Value;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use store::Names;

/// Removes the artifacts of earlier runs and series of runs, except the files in `kept`, which are new.
///
/// # Errors
/// When a file can't be removed.
pub(crate) fn remove(directory: &Path, prefix: Option<&str>, kept: &[&str]) -> Result<()> {
    of_a_run(directory, prefix, kept)?;
    of_a_series(directory, prefix, 0)
}

/// Removes artifacts that do not belong to a series of this many runs: those of single runs, and later runs of a longer series.
///
/// # Errors
/// When a file can't be removed.
pub(crate) fn remove_outside_series(directory: &Path, prefix: Option<&str>, runs: u32) -> Result<()> {
    of_a_run(directory, prefix, &[])?;
    of_a_series(directory, prefix, runs)
}

fn of_a_run(directory: &Path, prefix: Option<&str>, kept: &[&str]) -> Result<()> {
    let written = prefix_of(directory);
    let prefixes = [None, prefix, written.as_deref()];
    let mut names = RUN_FILES.iter().chain(OTHERS).map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut in_phases = IN_PHASES.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for prefix in prefixes {
        // An invalid prefix in a stored run is ignored.
        let Ok(prefixed) = Names::new(prefix) else { continue };
        names.extend(EXPORTERS.iter().map(|exporter| prefixed.file(exporter.default, exporter.ending)));
        names.push(prefixed.file("profile_export_network_latency.jsonl", "_network_latency.jsonl"));
        in_phases.push(prefixed.file("profile_export_aiperf.json", ".json"));
        in_phases.push(prefixed.file("profile_export_aiperf.csv", ".csv"));
    }
    for name in names.iter().filter(|name| !kept.contains(&name.as_str())) {
        file(&directory.join(name))?;
    }
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for log in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_log)) {
        file(&log.path())?;
    }
    let phases = directory.join("phases");
    for phase in folders(&phases) {
        in_phases.iter().try_for_each(|name| file(&phase.join(name)))?;
        fs::remove_dir(&phase).ok();
    }
    // A directory with other files is kept.
    fs::remove_dir(&phases).ok();
    Ok(())
}

/// Removes the runs of a series after the given number, and without any runs also their aggregate.
fn of_a_series(directory: &Path, prefix: Option<&str>, runs: u32) -> Result<()> {
    let all = directory.join("profile_runs");
    for run in folders(&all) {
        let number =
            run.file_name().and_then(|name| name.to_str()?.strip_prefix("run_")?.parse::<u32>().ok());
        if number.is_some_and(|number| number > runs) {
            of_a_run(&run, prefix, &[])?;
            fs::remove_dir(&run).ok();
        }
    }
    if runs == 0 {
        let aggregate = directory.join("aggregate");
        if is_folder(&aggregate) {
            IN_AGGREGATE.iter().try_for_each(|name| file(&aggregate.join(name)))?;
            fs::remove_dir(&aggregate).ok();
        }
        fs::remove_dir(&all).ok();
    }
    Ok(())
}

/// The export prefix of the run in a directory.
fn prefix_of(directory: &Path) -> Option<String> {
    let text = store::source::read(&directory.join("run.json"), RUN_BYTES_MAX).ok()?;
    let run = serde_json::from_slice::<Value>(&text).ok()?;
    run.pointer("/plan/output/export_prefix")?.as_str().map(str::to_owned)
}

/// The subdirectories of a directory, without symbolic links.
fn folders(directory: &Path) -> Vec<PathBuf> {
    if !is_folder(directory) {
        return Vec::new();
    }
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| is_folder(path)).collect()
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// Removes a file, or a link, if it is there.
fn file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if ![ErrorKind::NotFound, ErrorKind::IsADirectory].contains(&error.kind()) => {
            Err(error).with_context(|| format!("failed to remove `{}` of an earlier run", path.display()))
        }
        _ => Ok(()),
    }
}

/// Files that this program writes in addition to a run's own and its exports.
const OTHERS: &[&str] = &[
    "server_metrics.parquet",
    "phase_manifest.json",
    "client_and_kernel.json",
    "client_events.csv",
    PLUGIN_RESULTS,
    MANIFEST,
    MLFLOW,
    PLOTS,
];
/// Which plots were made of an earlier run.
const PLOTS: &str = ".aiperf-plot-config.yaml";
/// Written before the run's own files, if it is logged to MLflow.
pub(crate) const MLFLOW: &str = "mlflow_export.json";
const IN_PHASES: &[&str] = &["gpu_telemetry_export.json", "server_metrics_export.json", EVENTS, SUMMARY];
const IN_AGGREGATE: &[&str] = &[
    "profile_export_aiperf_aggregate.json",
    "profile_export_aiperf_aggregate.csv",
    "profile_export_aiperf_collated.json",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A directory with these files.
    fn directory(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text =
                if *name == "run.json" { r#"{"plan":{"output":{"export_prefix":"old"}}}"# } else { "x" };
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn left(directory: &Path) -> BTreeSet<String> {
        let mut left = BTreeSet::new();
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                left.extend(self::left(&entry.path()).into_iter().map(|inner| format!("{name}/{inner}")));
            } else {
                left.insert(name);
            }
        }
        left
    }

    const RUN: &[&str] = &[
        "run.json",
        "requests.parquet",
        "tokens.parquet",
        "responses.parquet",
        "outputs.json",
        "old.json",
        "old_raw.jsonl",
        "profile_export_raw.jsonl",
        "profile_export_aiperf_timeslices.csv",
        "mlflow_export.json",
        "phase_manifest.json",
        "phases/0_low/old.json",
        "phases/1_high/profile_export_aiperf.csv",
        "aggregate/profile_export_aiperf_aggregate.json",
        "profile_runs/run_0001/run.json",
        "profile_runs/run_0002/run.json",
    ];

    #[test]
    fn all_files_of_earlier_runs_are_removed_and_others_kept() {
        let theirs = ["notes.txt", "phases/0_low/notes.txt", "my_raw.jsonl", "profile_runs/mine/x"];
        let directory = directory(&[RUN, &theirs].concat());
        remove(directory.path(), Some("new"), &[MLFLOW]).unwrap();
        let expected = theirs.into_iter().chain([MLFLOW]).map(str::to_owned).collect();
        assert_eq!(left(directory.path()), expected, "files that runs do not write, and new ones");
        remove(directory.path(), Some("my"), &[]).unwrap();
        assert!(!directory.path().join("my_raw.jsonl").exists(), "the new run's own names are removed");
    }

    #[test]
    fn a_shorter_series_leaves_no_run_of_a_longer_one() {
        let directory = directory(RUN);
        remove_outside_series(directory.path(), None, 1).unwrap();
        let expected = ["aggregate/profile_export_aiperf_aggregate.json", "profile_runs/run_0001/run.json"];
        assert_eq!(left(directory.path()), expected.map(str::to_owned).into(), "the series of one run");
    }

    #[test]
    fn links_are_not_followed() {
        let (directory, other) = (directory(&["x"]), directory(&["0/profile_export_aiperf.json"]));
        std::os::unix::fs::symlink(other.path(), directory.path().join("phases")).unwrap();
        remove(directory.path(), None, &[]).unwrap();
        assert_eq!(left(other.path()).len(), 1, "nothing outside the directory");
    }
}
