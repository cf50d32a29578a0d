//! Flags of synthetic prompts: how long they are, what text they contain, and what they share.

use super::value::{not_negative, one_whole};
use std::path::PathBuf;

/// Flags of synthetic prompts: how long they are, what text they contain, and what they share.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Prompts")]
pub struct PromptArgs {
    /// Mean number of input tokens. [default: 550]
    #[arg(
        long = "prompt-input-tokens-mean",
        visible_aliases = ["synthetic-input-tokens-mean", "isl"],
        value_parser = one_whole
    )]
    pub input_tokens_mean: Option<f64>,
    /// Standard deviation of the input tokens. [default: 0]
    #[arg(
        long = "prompt-input-tokens-stddev",
        visible_aliases = ["synthetic-input-tokens-stddev", "isl-stddev"],
        value_parser = not_negative
    )]
    pub input_tokens_stddev: Option<f64>,
    /// Tokens that each hash id of a trace represents. [default: 512 for mooncake_trace, 16 for bailian_trace, 64 for
    /// baseten_trace]
    #[arg(
        long = "prompt-input-tokens-block-size",
        visible_aliases = ["synthetic-input-tokens-block-size", "isl-block-size"],
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub input_tokens_block_size: Option<u32>,
    /// Mean number of output tokens to request; without it, the server decides.
    #[arg(
        long = "prompt-output-tokens-mean",
        visible_aliases = ["output-tokens-mean", "osl"],
        value_parser = one_whole
    )]
    pub output_tokens_mean: Option<f64>,
    /// Standard deviation of the output tokens. [default: 0]
    #[arg(
        long = "prompt-output-tokens-stddev",
        visible_aliases = ["output-tokens-stddev", "osl-stddev"],
        value_parser = not_negative
    )]
    pub output_tokens_stddev: Option<f64>,
    /// Pairs of input and output tokens with their probability in percent: "256,128:60;1024|100,512|50:40" (|N is a standard
    /// deviation).
    #[arg(
        long = "seq-dist",
        visible_alias = "sequence-distribution",
        conflicts_with_all = ["input_tokens_mean", "input_tokens_stddev", "output_tokens_mean", "output_tokens_stddev"]
    )]
    pub sequence_distribution: Option<String>,
    /// Draw input and output tokens uniformly from a window around --isl and --osl: 0.1 is 90 to 110 %.
    #[arg(
        long,
        requires = "input_tokens_mean",
        requires = "output_tokens_mean",
        conflicts_with_all = ["input_tokens_stddev", "output_tokens_stddev", "sequence_distribution"]
    )]
    pub random_range_ratio: Option<String>,
    /// Meaning of --random-range-ratio: vllm (mean plus or minus the ratio) or sglang (from the ratio times the mean up to the
    /// mean).
    #[arg(long, value_parser = ["vllm", "sglang"], default_value = "vllm")]
    pub random_corpus_style: String,
    /// Texts in one request, for embeddings and rankings. [default: 1]
    #[arg(long, visible_aliases = ["batch-size-text", "batch-size"], short = 'b', value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub prompt_batch_size: Option<u32>,
    /// Source of prompt texts: sonnet (English), coding (source code) or random (tokens of the vocabulary). [default: sonnet]
    #[arg(long, value_parser = ["sonnet", "coding", "random"])]
    pub prompt_corpus: Option<String>,
    /// Prevent prefix cache hits: where to insert a marker that is unique to each conversation; with warmup_isolation_*, a
    /// marker that all warmup requests share and no others have.
    #[arg(
        long,
        value_parser = [
            "none", "system_prefix", "system_suffix", "first_turn_prefix", "first_turn_suffix",
            "warmup_isolation_system", "warmup_isolation_first_turn",
        ],
        default_value = "none"
    )]
    pub cache_bust: String,
    /// A system prompt for every conversation, before the dataset's own.
    #[arg(long, conflicts_with_all = ["system_prompt_file", "shared_system_prompt_length", "prefix_pool_size"])]
    pub system_prompt: Option<String>,
    /// A file with the system prompt for every conversation.
    #[arg(long, conflicts_with_all = ["shared_system_prompt_length", "prefix_pool_size"])]
    pub system_prompt_file: Option<PathBuf>,
    /// Number of distinct prefixes to generate; each prompt starts with one of them.
    #[arg(
        long = "prompt-prefix-pool-size",
        visible_aliases = ["prefix-prompt-pool-size", "num-prefix-prompts"],
        conflicts_with = "shared_system_prompt_length"
    )]
    pub prefix_pool_size: Option<u32>,
    /// Tokens per prefix.
    #[arg(long = "prompt-prefix-length", visible_alias = "prefix-prompt-length")]
    pub prefix_length: Option<u32>,
    /// Tokens of a synthetic system prompt that all conversations share.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub shared_system_prompt_length: Option<u32>,
    /// Tokens of a synthetic context with which each conversation starts, different for each.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub user_context_prompt_length: Option<u32>,
}
