//! How the programs behave that measure.

/// How the programs behave that measure.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Programs")]
pub struct ServiceArgs {
    /// How much a private daemon logs. [default: INFO]
    #[arg(
        long,
        ignore_case = true,
        value_parser = ["TRACE", "DEBUG", "INFO", "NOTICE", "WARNING", "SUCCESS", "ERROR", "CRITICAL"]
    )]
    pub log_level: Option<String>,
    /// Log more: -v as --log-level DEBUG, -vv as TRACE.
    #[arg(long, short = 'v', action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// As -vv.
    #[arg(long)]
    pub extra_verbose: bool,
    /// No effect: one thread counts tokens, beside the daemon's.
    #[arg(long, visible_alias = "record-processors")]
    pub record_processor_service_count: Option<u32>,
    /// No effect: progress shows as it comes.
    #[arg(long)]
    pub stats_interval: Option<f64>,
}
