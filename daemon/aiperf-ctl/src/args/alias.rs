//! Flags of `install-alias`.

use std::path::PathBuf;

/// Flags of `install-alias`.
#[derive(Clone, Debug, clap::Args)]
pub struct AliasArgs {
    /// The directory to install it in. Default: the directory of aiperf-ctl if it is writable, else ~/.local/bin.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Install it even if another `aiperf` is on PATH. A file that aiperf-ctl did not create is never replaced.
    #[arg(long, conflicts_with = "remove")]
    pub force: bool,
    /// Remove it.
    #[arg(long)]
    pub remove: bool,
}
