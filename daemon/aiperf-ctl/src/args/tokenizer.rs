//! Flags of how tokens are counted.

/// Flags of how tokens are counted.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Tokenizer")]
pub struct TokenizerArgs {
    /// The tokenizer: a directory with tokenizer.json, a name in the local Hugging Face cache, `builtin` (o200k_base, no
    /// network), or `none` (the server's counts only). [default: builtin]
    #[arg(long)]
    pub tokenizer: Option<String>,
    /// Revision of a tokenizer in the local Hugging Face cache. [default: main]
    #[arg(long)]
    pub tokenizer_revision: Option<String>,
    /// Count the tokens that the tokenizer's chat template adds as input, and shorten prompts by as many.
    #[arg(long)]
    pub apply_chat_template: bool,
}
