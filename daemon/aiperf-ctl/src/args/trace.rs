//! Flags of `analyze-trace`.

use std::path::PathBuf;

/// What a trace asks, before it is replayed.
#[derive(Clone, Debug, clap::Args)]
pub struct TraceArgs {
    /// The trace: rows of mooncake_trace, one a line.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The same, by name.
    #[arg(long, conflicts_with = "file")]
    pub input_file: Option<PathBuf>,
    /// Tokens that a hash id stands for.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub block_size: u32,
    /// Write the figures to this file too, as JSON.
    #[arg(long)]
    pub output_file: Option<PathBuf>,
}
