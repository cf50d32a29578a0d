//! Flags of `runs`.

use super::SOCKET;
use clap::Subcommand;
use std::path::PathBuf;

/// Flags of `runs`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunsArgs {
    /// The daemon's control socket.
    #[arg(long, default_value = SOCKET, global = true)]
    pub socket: PathBuf,
    /// What to do with runs.
    #[command(subcommand)]
    pub command: RunsCommand,
}

/// What to do with runs.
#[derive(Clone, Debug, Subcommand)]
pub enum RunsCommand {
    /// Lists them, the oldest first; also those that private daemons left, for which no daemon need run.
    List,
    /// Shows where one stands, as JSON.
    Show {
        /// Its id.
        run_id: String,
    },
    /// Fetches its files and writes its report.
    Fetch {
        /// Its id.
        run_id: String,
        /// Where to.
        #[arg(long)]
        artifact_dir: PathBuf,
    },
    /// Makes a run of what a daemon that died left behind.
    Recover {
        /// Its id.
        run_id: String,
    },
    /// Removes it.
    #[command(visible_alias = "delete")]
    Rm {
        /// Its id.
        run_id: String,
    },
}
