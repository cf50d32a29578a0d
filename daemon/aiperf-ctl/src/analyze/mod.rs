//! Runs `aiperf-ctl analyze`: what a stored run did, ours or AIPerf's.
//!
//! ```text
//! sessions.rs  a run's requests by session ──▶ lanes.rs  where each goes ──▶ swim_lane.rs  the figure, and a page of it
//! ```

mod lanes;
mod sessions;
mod swim_lane;
#[cfg(test)]
mod tests;

use crate::FAILED;
use crate::args::{AnalyzeArgs, AnalyzeCommand, RunDirsArgs};
use crate::memory;
use crate::plan::Refusal;
use crate::terminal::{print_result, print_warning};
use anyhow::{Context, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use store::Folder;

/// Analyzes runs; returns the exit status.
pub(crate) fn run(args: &AnalyzeArgs) -> Result<u8> {
    memory::limit();
    match &args.command {
        AnalyzeCommand::SwimLane(args) => swim_lane::run(args),
    }
}

/// Does this for each run, which returns what it wrote: a run for which it fails is skipped with the reason. Returns the exit status.
///
/// # Errors
/// When one file is given for several runs.
fn each(runs: &RunDirsArgs, out: Option<&Path>, write: impl Fn(&Path) -> Result<Vec<PathBuf>>) -> Result<u8> {
    let runs = runs.all();
    if out.is_some() && runs.len() > 1 {
        let why =
            "--out names one file, and there are several runs: leave it out, or analyze them one by one";
        return Err(Refusal(why.to_owned()).into());
    }
    let mut status = 0;
    for run in runs {
        match write(run) {
            Ok(paths) => {
                paths.iter().for_each(|path| print_result(&format!("Saved: {}\n", path.display())));
            }
            Err(error) if runs.len() == 1 => return Err(error),
            Err(error) => {
                print_warning(&format!("`{}` is skipped: {error:#}", run.display()));
                status = FAILED;
            }
        }
    }
    Ok(status)
}

/// Writes a file of an analysis: the wanted one, or one of this name in the run's directory.
fn save(run: &Path, usual: &str, wanted: Option<&Path>, bytes: &[u8]) -> Result<PathBuf> {
    let path = wanted.map_or_else(|| run.join(usual), Path::to_owned);
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Refusal(format!("--out: `{}` names no file", path.display())))?;
    let failed = || format!("failed to write `{}`", path.display());
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => Folder::make(parent),
        _ => Folder::open(Path::new(".")),
    };
    let mut file = folder.with_context(failed)?.create(name).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    file.finish().with_context(failed)?;
    Ok(path)
}
