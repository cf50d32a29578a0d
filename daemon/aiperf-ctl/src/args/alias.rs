//! Flags of `install-alias`.

use std::path::PathBuf;

/// Flags of `install-alias`.
#[derive(Clone, Debug, clap::Args)]
pub struct AliasArgs {
    /// The folder to put it into. Default: that of aiperf-ctl if it can be written to, else ~/.local/bin.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Install it although there is another `aiperf` on PATH. Files that are not ours are never replaced.
    #[arg(long, conflicts_with = "remove")]
    pub force: bool,
    /// Remove it.
    #[arg(long)]
    pub remove: bool,
}
