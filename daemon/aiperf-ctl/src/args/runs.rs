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
    /// The operation.
    #[command(subcommand)]
    pub command: RunsCommand,
}

/// Operations on stored runs.
#[derive(Clone, Debug, Subcommand)]
pub enum RunsCommand {
    /// Lists the runs, the oldest first; includes those left by private daemons, for which no daemon need be running.
    List,
    /// Shows the state of a run, as JSON.
    Show {
        /// The run's id.
        run_id: String,
    },
    /// Fetches a run's files and writes its report.
    Fetch {
        /// The run's id.
        run_id: String,
        /// Directory for the files and the report.
        #[arg(long)]
        artifact_dir: PathBuf,
    },
    /// Recovers a run from what a crashed daemon left behind.
    Recover {
        /// The run's id.
        run_id: String,
    },
    /// Removes a run.
    #[command(visible_alias = "delete")]
    Rm {
        /// The run's id.
        run_id: String,
    },
}
