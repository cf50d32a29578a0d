//! A trace changed before it is replayed.

use super::value::positive;

/// A trace changed before it is replayed.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Synthesis from a trace")]
pub struct SynthesisArgs {
    /// Divides the trace's timestamps. [default: 1]
    #[arg(long, value_parser = positive)]
    pub synthesis_speedup_ratio: Option<f64>,
    /// Multiplies the length of the prefixes that requests share. [default: 1]
    #[arg(long, value_parser = positive)]
    pub synthesis_prefix_len_multiplier: Option<f64>,
    /// Spreads requests over so many copies of the shared prefixes. [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub synthesis_prefix_root_multiplier: Option<u32>,
    /// Multiplies the length of what is each request's own. [default: 1]
    #[arg(long, value_parser = positive)]
    pub synthesis_prompt_len_multiplier: Option<f64>,
    /// Multiplies the output tokens that are asked for. [default: 1]
    #[arg(long, value_parser = positive)]
    pub synthesis_output_len_multiplier: Option<f64>,
    /// Leaves out requests with more input tokens.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub synthesis_max_isl: Option<u64>,
    /// Asks for no more output tokens than this.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub synthesis_max_osl: Option<u64>,
}
