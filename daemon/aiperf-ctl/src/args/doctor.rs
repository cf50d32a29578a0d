//! Flags of `doctor`.

use super::SOCKET;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// Flags of `doctor`.
#[derive(Clone, Debug, clap::Args)]
pub struct DoctorArgs {
    /// Show every check, not only the problems.
    #[arg(long, conflicts_with = "json")]
    pub all: bool,
    /// Print everything as JSON.
    #[arg(long)]
    pub json: bool,
    /// Exit with status 1 unless this check is ok; may be repeated. `--all` lists the names.
    #[arg(
        long,
        value_name = "CHECK",
        value_delimiter = ',',
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(doctor::CHECKS.iter().map(|check| check.name))
    )]
    pub require: Vec<String>,
    /// Check ports, file descriptors and memory for this many connections.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency: Option<u32>,
    /// The cores intended for the load generator, as for `profile`.
    #[arg(long)]
    pub cpus: Option<String>,
    /// The directory intended for artifacts.
    #[arg(long, visible_alias = "output-artifact-dir", default_value = ".")]
    pub artifact_dir: PathBuf,
    /// The daemon's control socket.
    #[arg(long, default_value = SOCKET)]
    pub socket: PathBuf,
}
