//! Flags of `trace`.

use clap::ValueEnum;
use std::path::PathBuf;

/// Flags of a run's timeline.
#[derive(Clone, Debug, clap::Args)]
pub struct TimelineArgs {
    /// The directory of a run, also of a run of NVIDIA AIPerf.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The file to write. Default: trace.pftrace or trace.json in the run's directory.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The viewer: perfetto (ui.perfetto.dev), or chrome (chrome://tracing, Speedscope; larger).
    #[arg(long, value_enum, default_value_t = TimelineFormatArg::Perfetto)]
    pub format: TimelineFormatArg,
}

/// Values of --format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimelineFormatArg {
    /// Perfetto's protobuf.
    Perfetto,
    /// Chrome's trace events, as JSON.
    Chrome,
}
