//! How tokens are counted.

/// How tokens are counted.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Tokenizer")]
pub struct TokenizerArgs {
    /// Counts tokens: a directory with tokenizer.json, the name of one in the local Hugging Face cache, `builtin`
    /// (o200k_base, no network), or `none` (the server's counts only). [default: builtin]
    #[arg(long)]
    pub tokenizer: Option<String>,
    /// The revision to take of a tokenizer in the local Hugging Face cache. [default: main]
    #[arg(long)]
    pub tokenizer_revision: Option<String>,
    /// Count what the tokenizer's chat template adds as input, and make prompts that much shorter.
    #[arg(long)]
    pub apply_chat_template: bool,
}
