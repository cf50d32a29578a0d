//! What a run left: how its events were timed, and whether every one was.

use crate::process::say;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Checks the one run below a folder, and removes it.
pub(super) fn check(folder: &Path, timestamps: &str) -> Result<()> {
    let path = run_file(folder).with_context(|| format!("no run.json below `{}`", folder.display()))?;
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let run: Value = serde_json::from_str(&text).context("run.json is no JSON")?;
    let used = run["timestamps"].as_str().unwrap_or("none");
    ensure!(
        used == timestamps,
        "the run has timestamps `{used}`, not `{timestamps}`: {}",
        run["timestamps_reason"]
    );
    let lost = &run["loss"]["unmatched_events"];
    ensure!(lost.as_object().is_some_and(serde_json::Map::is_empty), "events without a timestamp: {lost}");
    say(&format!("  timestamps: {used}, none missing"));
    fs::remove_dir_all(folder).with_context(|| format!("failed to remove `{}`", folder.display()))
}

fn run_file(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let here = entries.iter().find(|path| path.file_name().is_some_and(|name| name == "run.json")).cloned();
    here.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| run_file(path)))
}
