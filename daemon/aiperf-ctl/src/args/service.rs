//! Flags of the programs that measure: logging, and AIPerf's settings without effect.

/// Flags of the programs that measure: logging, and AIPerf's settings without effect.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Programs")]
pub struct ServiceArgs {
    /// Log level of a private daemon, which logs to standard error. [default: WARNING]
    #[arg(
        long,
        ignore_case = true,
        value_parser = ["TRACE", "DEBUG", "INFO", "NOTICE", "WARNING", "SUCCESS", "ERROR", "CRITICAL"]
    )]
    pub log_level: Option<String>,
    /// Log more: -v is --log-level DEBUG, -vv is TRACE.
    #[arg(long, short = 'v', action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Same as -vv.
    #[arg(long)]
    pub extra_verbose: bool,
    /// No effect: one thread counts tokens.
    #[arg(long, visible_alias = "record-processors")]
    pub record_processor_service_count: Option<u32>,
    /// No effect: progress is shown as it is received.
    #[arg(long)]
    pub stats_interval: Option<f64>,
}

impl ServiceArgs {
    /// The private daemon's log level, in the daemon's own terms: the most verbose of those given.
    pub(crate) fn level(&self) -> Option<&'static str> {
        let named = self.log_level.as_deref().map(|level| match level.to_ascii_uppercase().as_str() {
            "TRACE" => "trace",
            "DEBUG" => "debug",
            "INFO" | "NOTICE" | "SUCCESS" => "info",
            "WARNING" => "warn",
            _ => "error",
        });
        match (self.extra_verbose, self.verbose) {
            (true, _) | (_, 2..) => Some("trace"),
            (false, 1) => Some("debug"),
            (false, 0) => named,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::args::{Command, parse};
    use std::ffi::OsString;

    #[test]
    fn the_most_of_what_is_given_is_logged() {
        let check = |flags: &str, expected: Option<&str>| {
            let line = format!("aiperf-ctl profile -m m {flags}");
            let words = line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
            let Ok(Command::Profile(args)) = parse(&words).map(|args| args.command) else { panic!("{line}") };
            assert_eq!(args.service.level(), expected, "{flags}");
        };
        check("", None);
        check("--log-level success", Some("info"));
        check("--log-level WARNING", Some("warn"));
        check("--log-level critical", Some("error"));
        check("-v --log-level error", Some("debug"));
        check("-vv", Some("trace"));
        check("--extra-verbose", Some("trace"));
    }
}
