//! Flags of `analyze`.

use clap::Subcommand;
use std::path::PathBuf;

/// Shows what a stored run did: its sessions over time, and the messages of its turns.
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
    /// Writes a page of the messages that each turn sent, and of the answers: turn_messages.html in each run's directory. The runs
    /// need --export-level raw.
    TurnMessages(TurnMessagesArgs),
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

/// Flags of `analyze turn-messages`.
#[derive(Clone, Debug, clap::Args)]
pub struct TurnMessagesArgs {
    /// The runs.
    #[command(flatten)]
    pub runs: RunDirsArgs,
    /// The page to write; of one run only. Default: turn_messages.html in the run's directory.
    #[arg(short, long, visible_alias = "output", value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Most sessions that are shown: those that no other session started first, then by their first request.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 40)]
    pub limit_conversations: usize,
    /// Most turns of a session that are shown.
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub max_turns: usize,
    /// Most characters of a message that are shown.
    #[arg(long, value_name = "CHARACTERS", default_value_t = 8000)]
    pub content_cap: usize,
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
