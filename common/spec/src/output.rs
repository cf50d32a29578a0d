//! What is written, and what it means for the exit status.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Seconds of a time slice, if slices were requested.
    #[serde(default)]
    pub slice_duration_seconds: Option<f64>,
    /// Whether the console shows the stages of the HTTP exchange.
    #[serde(default)]
    pub show_trace_timing: bool,
    /// Whether the line per request holds the stages of its HTTP exchange.
    #[serde(default)]
    pub export_http_trace: bool,
    /// Whether the texts of answers are written.
    #[serde(default)]
    pub export_outputs: bool,
    /// Whether the steady part of the run has results of its own.
    #[serde(default)]
    pub steady_state: bool,
    /// Milliseconds of a round trip that are taken off latencies, in copies of these.
    #[serde(default)]
    pub network_latency_mean_ms: Option<f64>,
    /// Files that the server's own metrics are written to: `json`, `csv`, `jsonl`, `parquet`.
    #[serde(default)]
    pub server_metrics_formats: Vec<String>,
    /// Whether no page is written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_html: bool,
    /// Which verdict makes the exit status non-zero.
    pub fail_on: FailOn,
    /// Other flags of the command line, for later readers of `run.json`.
    pub other: BTreeMap<String, String>,
}

impl Output {
    /// Whether the bytes of responses are kept.
    #[must_use]
    pub fn keeps_responses(&self) -> bool {
        self.export_level >= ExportLevel::Raw || self.export_outputs
    }
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
