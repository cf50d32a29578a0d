//! Flags of `analyze-trace`.

use std::path::PathBuf;

/// Flags of the analysis of a trace.
#[derive(Clone, Debug, clap::Args)]
pub struct TraceArgs {
    /// The trace: rows of mooncake_trace, one per line.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The trace, given as a flag.
    #[arg(long, conflicts_with = "file")]
    pub input_file: Option<PathBuf>,
    /// Tokens that each hash id represents.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub block_size: u32,
    /// Also write the figures to this file, as JSON.
    #[arg(long)]
    pub output_file: Option<PathBuf>,
}
