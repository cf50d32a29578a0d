//! Made-up prompts: how long, of what text, and what they share.

use super::value::{not_negative, one_whole};
use std::path::PathBuf;

/// Made-up prompts: how long, of what text, and what they share.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Prompts")]
pub struct PromptArgs {
    /// Mean input tokens. [default: 550]
    #[arg(
        long = "prompt-input-tokens-mean",
        visible_aliases = ["synthetic-input-tokens-mean", "isl"],
        value_parser = one_whole
    )]
    pub input_tokens_mean: Option<f64>,
    /// Their standard deviation. [default: 0]
    #[arg(
        long = "prompt-input-tokens-stddev",
        visible_aliases = ["synthetic-input-tokens-stddev", "isl-stddev"],
        value_parser = not_negative
    )]
    pub input_tokens_stddev: Option<f64>,
    /// Tokens that one hash id of a trace stands for. [default: 512 for mooncake_trace, 16 for bailian_trace, 64 for
    /// baseten_trace]
    #[arg(
        long = "prompt-input-tokens-block-size",
        visible_aliases = ["synthetic-input-tokens-block-size", "isl-block-size"],
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub input_tokens_block_size: Option<u32>,
    /// Mean output tokens to ask for; without it the server decides.
    #[arg(
        long = "prompt-output-tokens-mean",
        visible_aliases = ["output-tokens-mean", "osl"],
        value_parser = one_whole
    )]
    pub output_tokens_mean: Option<f64>,
    /// Their standard deviation. [default: 0]
    #[arg(
        long = "prompt-output-tokens-stddev",
        visible_aliases = ["output-tokens-stddev", "osl-stddev"],
        value_parser = not_negative
    )]
    pub output_tokens_stddev: Option<f64>,
    /// Pairs of input and output tokens with their shares in percent: "256,128:60;1024|100,512|50:40" (|N is a standard
    /// deviation).
    #[arg(
        long = "seq-dist",
        visible_alias = "sequence-distribution",
        conflicts_with_all = ["input_tokens_mean", "input_tokens_stddev", "output_tokens_mean", "output_tokens_stddev"]
    )]
    pub sequence_distribution: Option<String>,
    /// Draw input and output tokens evenly from a window around --isl and --osl: 0.1 is 90 to 110 %.
    #[arg(
        long,
        requires = "input_tokens_mean",
        requires = "output_tokens_mean",
        conflicts_with_all = ["input_tokens_stddev", "output_tokens_stddev", "sequence_distribution"]
    )]
    pub random_range_ratio: Option<String>,
    /// How --random-range-ratio is understood: vllm (mean plus or minus the share) or sglang (from the share to the mean).
    #[arg(long, value_parser = ["vllm", "sglang"], default_value = "vllm")]
    pub random_corpus_style: String,
    /// Texts in one request, for embeddings and rankings. [default: 1]
    #[arg(long, visible_aliases = ["batch-size-text", "batch-size"], short = 'b', value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub prompt_batch_size: Option<u32>,
    /// What prompts are made of: sonnet (English), coding (source code) or random (tokens of the vocabulary).
    /// [default: sonnet]
    #[arg(long, value_parser = ["sonnet", "coding", "random"])]
    pub prompt_corpus: Option<String>,
    /// Keep the server from finding a prompt in its prefix cache: where a marker goes that no other conversation has; with
    /// warmup_isolation_* one that all requests of a warm-up have, and no others.
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
    /// The same from a file.
    #[arg(long, conflicts_with_all = ["shared_system_prompt_length", "prefix_pool_size"])]
    pub system_prompt_file: Option<PathBuf>,
    /// Different prefixes to make up; each prompt begins with one of them.
    #[arg(
        long = "prompt-prefix-pool-size",
        visible_aliases = ["prefix-prompt-pool-size", "num-prefix-prompts"],
        conflicts_with = "shared_system_prompt_length"
    )]
    pub prefix_pool_size: Option<u32>,
    /// Tokens of a prefix.
    #[arg(long = "prompt-prefix-length", visible_alias = "prefix-prompt-length")]
    pub prefix_length: Option<u32>,
    /// Tokens of a made-up system prompt that all conversations share.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub shared_system_prompt_length: Option<u32>,
    /// Tokens of a made-up context with which each conversation begins, each its own.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub user_context_prompt_length: Option<u32>,
}
