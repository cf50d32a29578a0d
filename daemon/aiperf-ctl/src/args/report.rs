//! Flags of `report`.

use std::path::PathBuf;

/// Flags of `report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// The run: its artifact directory, or the id of a run that the daemon keeps.
    pub run: String,
    /// Where to write the exports; without it only the console report is printed.
    #[arg(long)]
    pub artifact_dir: Option<PathBuf>,
    /// The daemon's control socket, for a run given by id.
    #[arg(long, default_value = "/run/aiperfd/control.sock")]
    pub socket: PathBuf,
}
