//! What is written, and what it means for the exit status.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Where results go, as the user gave it.
    pub artifact_dir: String,
    /// A base name for the exported files.
    pub export_prefix: Option<String>,
    /// How much is exported.
    pub export_level: ExportLevel,
    /// What makes a request a good one: limits by metric, in the unit in which the metric is shown.
    #[serde(default)]
    pub goodput: BTreeMap<String, f64>,
    /// Seconds of a time slice, if slices were asked for.
    #[serde(default)]
    pub slice_duration_seconds: Option<f64>,
    /// Whether the console shows the stages of the HTTP exchange.
    #[serde(default)]
    pub show_trace_timing: bool,
    /// Files that the server's own metrics are written to: `json`, `csv`, `jsonl`, `parquet`.
    #[serde(default)]
    pub server_metrics_formats: Vec<String>,
    /// Which verdict makes the exit status non-zero.
    pub fail_on: FailOn,
    /// What else the command line said, by flag, for later readers of `run.json`.
    pub other: BTreeMap<String, String>,
}

/// How much is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportLevel {
    /// Only the summaries.
    Summary,
    /// A line per request too.
    Records,
    /// Every response too, byte for byte.
    Raw,
}

/// Which verdict makes the exit status non-zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailOn {
    /// A run that is not `valid`.
    Degraded,
    /// A run that is `invalid`.
    Invalid,
    /// No verdict.
    Never,
}
