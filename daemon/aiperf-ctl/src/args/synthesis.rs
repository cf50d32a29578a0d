//! Flags that change a trace before it is replayed.

use super::value::positive;

/// Flags that change a trace before it is replayed.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Synthesis from a trace")]
pub struct SynthesisArgs {
    /// Divide the trace's timestamps by this factor. [default: 1]
    #[arg(long, value_parser = positive)]
    pub synthesis_speedup_ratio: Option<f64>,
    /// Multiply the length of shared prefixes by this factor. [default: 1]
    #[arg(long, value_parser = positive)]
    pub synthesis_prefix_len_multiplier: Option<f64>,
    /// Spread requests over this many copies of the shared prefixes. [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub synthesis_prefix_root_multiplier: Option<u32>,
    /// Multiply the length of each request's own, unshared part by this factor. [default: 1]
    #[arg(long, value_parser = positive)]
    pub synthesis_prompt_len_multiplier: Option<f64>,
    /// Multiply the requested output tokens by this factor. [default: 1]
    #[arg(long, value_parser = positive)]
    pub synthesis_output_len_multiplier: Option<f64>,
    /// Leave out requests with more input tokens than this.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub synthesis_max_isl: Option<u64>,
    /// Limit the requested output tokens to this many.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub synthesis_max_osl: Option<u64>,
}
