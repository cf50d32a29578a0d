//! Runs `aiperf-ctl analyze`: what a stored run did, ours or AIPerf's.
//!
//! ```text
//! sessions.rs  a run's requests by session ──▶ lanes.rs  where each goes ──▶ swim_lane.rs  the figure, and a page of it
//! messages.rs  what turns sent and received ──────────────────────────▶ turn_messages.rs  a page of it
//! ```

mod lanes;
mod messages;
mod sessions;
mod swim_lane;
#[cfg(test)]
mod tests;
mod turn_messages;

use crate::FAILED;
use crate::args::{AnalyzeArgs, AnalyzeCommand, RunDirsArgs};
use crate::memory;
use crate::output_file;
use crate::plan::Refusal;
use crate::terminal::{print_result, print_warning};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Analyzes runs; returns the exit status.
pub(crate) fn run(args: &AnalyzeArgs) -> Result<u8> {
    memory::limit();
    match &args.command {
        AnalyzeCommand::SwimLane(args) => swim_lane::run(args),
        AnalyzeCommand::TurnMessages(args) => turn_messages::run(args),
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
    output_file::write(&path, "--out", bytes)?;
    Ok(path)
}
