//! Flags of `analyze`.

use clap::Subcommand;
use std::path::PathBuf;

/// Shows what a stored run did: its sessions over time.
#[derive(Clone, Debug, clap::Args)]
pub struct AnalyzeArgs {
    /// What is shown.
    #[command(subcommand)]
    pub command: AnalyzeCommand,
}

/// What is shown.
#[derive(Clone, Debug, Subcommand)]
pub enum AnalyzeCommand {
    /// Draws each run's sessions by lane over time, with the concurrency below: swim_lane.png in its directory.
    SwimLane(SwimLaneArgs),
}

/// The runs of an analysis.
#[derive(Clone, Debug, clap::Args)]
pub struct RunDirsArgs {
    /// Directories of runs, also of runs of NVIDIA AIPerf; each has a result of its own.
    #[arg(
        value_name = "RUN_DIRS",
        conflicts_with = "run_dirs_flag",
        required_unless_present = "run_dirs_flag"
    )]
    pub run_dirs: Vec<PathBuf>,
    /// The directories, given as a flag.
    #[arg(long = "run-dirs", value_name = "RUN_DIRS", num_args = 1..)]
    pub run_dirs_flag: Vec<PathBuf>,
}

/// Flags of `analyze swim-lane`.
#[derive(Clone, Debug, clap::Args)]
pub struct SwimLaneArgs {
    /// The runs.
    #[command(flatten)]
    pub runs: RunDirsArgs,
    /// The picture to write, .png or .svg; of one run only. Default: swim_lane.png in the run's directory.
    #[arg(short, long, visible_alias = "output", value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The concurrency that is drawn as a line. Default: that of the run, where it is known.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency: Option<u32>,
    /// When the ramp of the concurrency ends, in seconds. Default: as the run was configured.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub ramp: Option<f64>,
    /// Also write a page with the picture and a table of the sessions: swim_lane.html, or beside --out.
    #[arg(long)]
    pub html: bool,
}

impl RunDirsArgs {
    /// The directories, whichever way they were given.
    #[must_use]
    pub fn all(&self) -> &[PathBuf] {
        if self.run_dirs.is_empty() { &self.run_dirs_flag } else { &self.run_dirs }
    }
}

/// A length of time that is not negative.
fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a number of seconds, 0 or greater".to_owned())
}
